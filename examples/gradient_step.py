"""How is a network fooled? One gradient step on an image.

Training asks which way each weight should move. Here the weights stay, and each of the 150,528
values of a drawn dog is asked which way it should move to make "cat" likelier; then all move by a
few of the 255 levels. Beside it: steps as large, in random directions. Writes gradient_step.png
(photo, direction, result) into the folder given, or into the current one.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import pasunchat
from pasunchat.photos.drawing import draw
from pasunchat.words import percent

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
network = pasunchat.load("shipped:simple")
cat, dog = network.classes.index("cat"), network.classes.index("dog")
photo = torch.from_numpy(np.array(draw("dog", 0, 0))).permute(2, 0, 1)[None] / 255


def sure(pixels: torch.Tensor) -> str:
    return percent(network(pixels).detach().softmax(1)[0, cat].item())


def moved(direction: torch.Tensor, levels: int) -> torch.Tensor:
    return (photo + direction.sign() * levels / 255).clamp(0, 1)


asked = photo.clone().requires_grad_()
totals = network(asked)[0]
(gradient,) = torch.autograd.grad(totals[cat] - totals[dog], asked)
chance = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
print(f"the photo, a dog: cat {sure(photo)}")
for levels in (1, 2, 4, 8):
    along, anyhow = moved(gradient, levels), moved(chance, levels)
    print(f"at most {levels} of 255 levels: cat {sure(along)}; at random: cat {sure(anyhow)}")

row = torch.cat([photo, 0.5 + 0.5 * gradient.sign(), moved(gradient, 4)])
images = (255 * row).round().byte().permute(0, 2, 3, 1).numpy()
Image.fromarray(np.concatenate(list(images), axis=1)).save(FOLDER / "gradient_step.png")
