"""The same photos fooled on a network, and on one whose logits are larger: what a loss makes of it.

    python benchmarks/attack_saturation.py MODEL PHOTOS.npy [--photos 16] [--picture FILE.png]

PHOTOS.npy: uint8 [N, H, W, 3]. adv-lib's DDN takes part where it can be imported (how to install
it: attack_peers.py). Cross-entropy has no gradient where the classifier is sure; the
margin has one whatever the scale. Prints medians of L2 on 256 levels over all photos, a failure
being infinite; and how many results are the same bytes as those without the factor.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import nn

import pasunchat
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.runtime import machine

FACTORS = (1, 1000, 1024)
OURS = {
    "turning": "turning",
    "DDN, margin": "ddn:steps=100",
    "DDN, cross-entropy": "ddn:steps=100,objective=ce",
}


class Larger(nn.Module):
    """A classifier's logits times a factor."""

    def __init__(self, classifier: Classifier, factor: float) -> None:
        super().__init__()
        self.classifier, self.factor = classifier, factor

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.classifier(pixels) * self.factor


def contestants():
    """Each as a function: (classifier, pixels, labels) -> pixels on 256 levels."""

    def ours(attack: str):
        return lambda classifier, pixels, labels: (
            pasunchat.fool(
                classifier, pixels, goal=pasunchat.Goal(labels, reach=False), attack=attack
            ).pixels
        )

    found = {title: ours(attack) for title, attack in OURS.items()}
    if find_spec("adv_lib"):
        from attack_peers import PEERS

        theirs = PEERS["ddn-256"].attack
        found["adv-lib's DDN"] = lambda c, pixels, labels: (
            theirs(c, pixels.contiguous(), labels, "100").pixels
        )
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("model")
    options.add_argument("photos_file", type=Path)
    options.add_argument("--photos", type=int, default=16)
    options.add_argument("--picture", type=Path)
    given = options.parse_args()
    machine()
    torch.manual_seed(0)
    classifier = pasunchat.load(given.model).requires_grad_(False)
    pixels = as_pixels(np.load(given.photos_file)[: given.photos])
    labels = classifier.judge(pixels).argmax(1)
    sizes: dict[str, list[float]] = {}
    print("| attack | logits x | median L2 | fooled | same bytes as x 1 |\n|---|---|---|---|---|")
    for title, attack in contestants().items():
        first = None
        for factor in FACTORS:
            larger = Classifier(Larger(classifier, factor))
            found = attack(larger, pixels, labels).detach()
            answers = classifier.judge(found.mul(255).round().div(255), batch=1).argmax(1)
            distance = (found - pixels).flatten(1).norm(dim=1)
            distance = torch.where(answers != labels, distance, torch.inf)
            first = found if first is None else first
            same = int((found == first).flatten(1).all(1).sum())
            sizes.setdefault(title, []).append(float(distance.median()))
            print(
                f"| {title} | {factor:,} | {sizes[title][-1]:.4f} | "
                f"{int((answers != labels).sum())} of {len(pixels)} | {same} |",
                flush=True,
            )
    if given.picture:
        draw(sizes, given.picture)


def draw(sizes: dict[str, list[float]], file: Path) -> None:
    """Bars of the medians, on a logarithmic axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.subplots()
    for row, (plain, larger, _) in enumerate(sizes.values()):
        axes.barh(row - 0.2, plain, 0.36, color="#0072B2", label="logits x 1" if not row else None)
        axes.barh(row + 0.2, larger, 0.36, color="#D55E00", label="x 1,000" if not row else None)
    axes.set_yticks(range(len(sizes)), list(sizes))
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("median L2 of the change (smaller is better)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(file, dpi=120, metadata={"Software": None})


if __name__ == "__main__":
    main()
