"""The talk's own attack, in plain PyTorch, and the same by pasunchat.

What is learned is the noise, and nothing else. The loss is that of the slides "How?":
0.1 * l2(noise) - log(target wrong class); Adam makes it small, and ten steps without a lower loss
end it. 0.1 is the price of a visible change against an unsure answer.
"""

import numpy as np
import torch

import pasunchat
from pasunchat.photos.drawing import draw
from pasunchat.words import percent

network = pasunchat.load("shipped:simple").requires_grad_(False)  # the network stays as it is
cat, dog = network.classes.index("cat"), network.classes.index("dog")
photo = torch.from_numpy(np.array(draw("dog", 0, 0))).permute(2, 0, 1)[None] / 255


def say(who: str, noise: torch.Tensor, totals: torch.Tensor) -> None:
    sure = percent(totals.detach().softmax(1)[0, cat].item())
    largest = noise.abs().max().item()
    print(f"{who}: + {largest:.3f} x noise, L2 {noise.norm().item():.2f} = cat {sure}")


say("the photo", torch.zeros_like(photo), network(photo))

most = (6 / (224 * 224 + 3 * 224)) ** 0.5  # Keras starts a layer's values so: small and random
drawn = torch.rand(photo.shape, generator=torch.Generator().manual_seed(0))
noise = ((2 * drawn - 1) * most).requires_grad_()
optimizer = torch.optim.Adam([noise], lr=1e-3)
best_loss, best_noise, waited = float("inf"), noise, 0
while waited < 10:
    shares = network((photo + noise).clamp(0, 1)).log_softmax(1)
    loss = 0.1 * noise.square().sum() - shares[0, cat]
    waited += 1
    if loss.item() < best_loss:
        best_loss, best_noise, waited = loss.item(), noise.detach().clone(), 0
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
say("in plain PyTorch", best_noise, network((photo + best_noise).clamp(0, 1)))

goal = pasunchat.Goal([cat])
for attack in ("learned-noise", "turning"):
    result = pasunchat.fool(network, photo, goal=goal, attack=attack, confidence=0.9)
    say(f"pasunchat, {attack}", result.pixels - photo, result.after_logits)
