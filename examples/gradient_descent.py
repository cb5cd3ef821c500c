"""Train a network = find those values (W and B).

One weight and one bias learn to tell light pictures from dark ones. Ask how wrong they are (the
loss), ask which way each should move (its gradient), move both a little, and again.
"""

import torch

generator = torch.Generator().manual_seed(0)
brightness = torch.rand(200, generator=generator)  # of 200 pictures, from 0 (black) to 1 (white)
light = brightness > 0.6  # the right answers
weight = torch.zeros((), requires_grad=True)
bias = torch.zeros((), requires_grad=True)

for step in range(3001):
    sure = torch.sigmoid(weight * brightness + bias)  # softmax of two classes: "light" and "dark"
    loss = -torch.where(light, sure, 1 - sure).log().mean()  # -log(right class), as in the talk
    loss.backward()  # back-propagation: the gradient of the loss, for each of the values
    if step in (0, 10, 100, 1000, 3000):
        right = ((sure > 0.5) == light).sum()
        print(
            f"step {step:4}: weight {weight:6.2f}, bias {bias:6.2f}, "
            f"loss {loss:.3f}, {right} of 200 right"
        )
    with torch.no_grad():
        for value in (weight, bias):
            value -= 2.0 * value.grad  # against the gradient: downhill
            value.grad = None

print(f"it calls a picture light from {-bias / weight:.2f} on; the rule was 0.60")
