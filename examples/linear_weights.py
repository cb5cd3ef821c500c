"""Connect each input pixel to each output: a linear network's weights are a picture.

It has one weight for each value of the input, so the weights of a class can be looked at: light
where a light pixel speaks for the class, dark where it speaks against. A pipe always lies in the
same place and can be seen in them; cats and dogs do not, and no single pixel says cat. Writes
linear_weights.png (cat or dog: cat, dog; cat or pipe: cat, pipe) into the folder given, or here.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pasunchat.photos.drawing import draw, draw_pipe

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
SIZE, LEARN, TEST = 32, 80, 40  # pixels, and drawings of each kind


def weights_of(first: list[Image.Image], second: list[Image.Image]) -> tuple[torch.Tensor, float]:
    """The weights [2, 3, SIZE, SIZE] of a linear network that learned from the first LEARN of each,
    and the share of the others that it reads rightly."""
    pixels = torch.from_numpy(np.stack([first, second])).permute(0, 1, 4, 2, 3) / 255 - 0.5
    answers = torch.arange(2)[:, None].expand(2, LEARN + TEST)
    network = torch.nn.Linear(3 * SIZE * SIZE, 2)
    torch.nn.init.zeros_(network.weight)  # so that all there is to see was learned
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, weight_decay=0.2)
    for _ in range(150):
        totals = network(pixels[:, :LEARN].flatten(0, 1).flatten(1))
        loss = torch.nn.functional.cross_entropy(totals, answers[:, :LEARN].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = network(pixels[:, LEARN:].flatten(0, 1).flatten(1)).argmax(1)
    right = (found == answers[:, LEARN:].flatten()).float().mean()
    return network.weight.detach().view(2, 3, SIZE, SIZE), right.item()


cats, dogs = ([draw(kind, 0, i, SIZE) for i in range(LEARN + TEST)] for kind in ("cat", "dog"))
pipes = [draw_pipe(i, SIZE) for i in range(LEARN + TEST)]
row = []
for name, others in (("dog", dogs), ("pipe", pipes)):
    weights, right = weights_of(cats, others)
    print(f"cat or {name}: right on {right:.0%} of {2 * TEST} new drawings; a guess: 50%")
    for grey in 127.5 + 127.5 * weights / weights.abs().max():  # grey is 0
        picture = Image.fromarray(grey.permute(1, 2, 0).byte().numpy())
        row.append(np.array(picture.resize((224, 224), Image.Resampling.NEAREST)))
Image.fromarray(np.concatenate(row, axis=1)).save(FOLDER / "linear_weights.png")
