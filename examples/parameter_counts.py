"""Problem 2, parameter explosion: the talk's own counts, layer by layer.

Nothing is computed and no memory taken: on torch's "meta" device a layer has its shape and no
numbers, so that even seven billion of them can be counted.
"""

import torch
from torch import nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.summary import describe

PIXELS, HIDDEN = 3 * 224 * 224, 224 * 224


def count(*layers: nn.Module) -> str:
    weights = sum(layer.weight.numel() for layer in layers)
    biases = sum(layer.bias.numel() for layer in layers)
    return f"{weights:,} weights and {biases:,} biases"


with torch.device("meta"):
    print(f"input {PIXELS:,}, output 2: {count(nn.Linear(PIXELS, 2))}")
    print(f"with {HIDDEN:,} hidden: {count(nn.Linear(PIXELS, HIDDEN), nn.Linear(HIDDEN, 2))}")
print(f"local, 3x3 each, one colour: {9 * HIDDEN:,} weights and {HIDDEN:,} biases")
print(f"local and shared: {count(nn.Conv2d(1, 1, 3))}")
print(f"the same on three colours: {count(nn.Conv2d(3, 1, 3))}")
print(f"sixteen such kernels: {count(nn.Conv2d(3, 16, 3))}")

print("the talk's network:")
summary = describe(build("simple", classes=("cat", "dog"), size=224))
for layer in summary.layers:
    if layer.parameters:
        print(f"  {layer.name}: {layer.parameters:,}")
print(f"  in all: {summary.parameters:,}")
