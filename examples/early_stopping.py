"""Overfitting, and early stopping.

A network with 197,000 values learns 60 drawn photos by heart. The loss on them goes on falling; on
the validation photos, from which it never learns, it turns round. That is when to stop, and the
weights of that epoch are those to keep. (The dogs are made a little lighter here, so that there is
something to learn in seconds.)
"""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from pasunchat.photos.drawing import draw

SIZE, LEARN, VALIDATE, EPOCHS = 32, 30, 50, 40  # pixels; drawings of each kind
photos = np.stack(
    [draw(kind, 0, i, SIZE) for kind in ("cat", "dog") for i in range(LEARN + VALIDATE)]
)
pixels = torch.from_numpy(photos).view(2, LEARN + VALIDATE, -1) / 255 - 0.5
pixels[1] += 0.1
training, validation = pixels[:, :LEARN].flatten(0, 1), pixels[:, LEARN:].flatten(0, 1)
answers = torch.arange(2).repeat_interleave(LEARN), torch.arange(2).repeat_interleave(VALIDATE)

torch.manual_seed(0)
network = nn.Sequential(nn.Linear(3 * SIZE * SIZE, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
losses = []  # of each epoch: in training, in validation
for _ in range(EPOCHS):
    for batch in torch.randperm(2 * LEARN).split(10):
        loss = cross_entropy(network(training[batch]), answers[0][batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        asked = ((training, answers[0]), (validation, answers[1]))
        losses.append([cross_entropy(network(each), right).item() for each, right in asked])

best = min(range(EPOCHS), key=lambda epoch: losses[epoch][1])
for epoch in sorted({0, best, *range(4, EPOCHS, 5)}):
    told = "  <- the lowest in validation: keep these weights" if epoch == best else ""
    first, second = losses[epoch]
    print(f"epoch {epoch + 1:2}: loss {first:.2f} in training, {second:.2f} in validation{told}")
