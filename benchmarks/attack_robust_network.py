"""A `simple` trained against small changes, for attacks within a radius to be compared on.

    python benchmarks/attack_robust_network.py RUN DATASET FOLDER [--photos 6000] [--epochs 4]

RUN: a trained `simple` to begin with; from untrained weights it stays at chance.

Adversarial training in one step (Wong, Rice and Kolter 2020, arXiv:2001.03994): uniform noise in
the LINF ball, a sign step of 1.25 times the radius, back into the ball and the pixels' range.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

import pasunchat
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.files import save
from pasunchat.photos.dataset import open_dataset
from pasunchat.runtime import generator, set_up_runtime

BATCH, STEP = 32, 1.25


def attacked(
    classifier: Classifier, pixels: Tensor, labels: Tensor, radius: float, draw: torch.Generator
) -> Tensor:
    """The pixels after one step against their labels."""
    noise = (torch.rand(pixels.shape, generator=draw) * 2 - 1) * radius
    start = (pixels + noise).clamp(0, 1).requires_grad_()
    loss = functional.cross_entropy(classifier(start), labels)
    (gradient,) = torch.autograd.grad(loss, start)
    moved = start.detach() + STEP * radius * gradient.sign()
    return torch.minimum(torch.maximum(moved, pixels - radius), pixels + radius).clamp(0, 1)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("run")
    options.add_argument("dataset", type=Path)
    options.add_argument("folder", type=Path)
    options.add_argument("--photos", type=int, default=6000)
    options.add_argument("--epochs", type=int, default=4)
    options.add_argument("--radius", type=float, default=1 / 255)
    given = options.parse_args()
    set_up_runtime()
    data = open_dataset(given.dataset)
    draw = generator("robust")
    rows = data.rows("train")[torch.randperm(len(data.rows("train")), generator=draw)]
    rows = np.sort(rows[: given.photos])
    classifier = pasunchat.load(given.run).train()
    optimizer = torch.optim.Adam(classifier.parameters(), lr=5e-4)
    for epoch in range(given.epochs):
        right = 0
        for some in np.split(rows[torch.randperm(len(rows), generator=draw)], len(rows) // BATCH):
            pixels = as_pixels(data.pixels[np.sort(some)])
            labels = torch.from_numpy(data.labels[np.sort(some)])
            logits = classifier(attacked(classifier, pixels, labels, given.radius, draw))
            optimizer.zero_grad()
            functional.cross_entropy(logits, labels).backward()
            optimizer.step()
            right += int((logits.argmax(1) == labels).sum())
        print(f"epoch {epoch + 1}: {right / len(rows):.1%} right after the step", flush=True)
    test = data.rows("test")[::4]
    classes = classifier.logits(data.pixels, test).argmax(1).numpy()
    print(f"test: {(classes == data.labels[test]).mean():.1%} right as they are")
    given.folder.mkdir(parents=True, exist_ok=True)
    save(classifier, given.folder)


if __name__ == "__main__":
    main()
