"""`standard` beside torchattacks' AutoAttack: robust accuracy inside radii, and processor time.

    python benchmarks/attack_robust_accuracy.py MODEL IMAGES.npy linf:1/255 linf:2/255 l2:0.5
    ... --photos 64 --rounds 3

IMAGES.npy: uint8 [N, H, W, 3]; each photo's class is what MODEL answers for it. Float pixels, one
thread, in turn, all photos in one call of each; times are of the process, and their ratio is that
of the medians. Both are judged here: a photo withstands where no other class leads at what was
returned, or where that lies outside the radius. AutoAttack is "standard" in torchattacks' copy,
which makes 10 steps of APGD and FAB where the paper makes 100; --theirs-steps 100 is the paper's.
How it is installed: attack_peers.py.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from attack_contestant import frozen
from attack_peers import ready
from torch import Tensor, nn

import pasunchat
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.norms import NORMS, Norm
from pasunchat.parsing import number
from pasunchat.runtime import keep_pages

EXACT = 1e-5  # of the radius: theirs, too, is floats
THEIR_NORMS = {"linf": "Linf", "l2": "L2"}

Search = Callable[[Classifier, Tensor, Tensor, Norm, float], Tensor]


class _InOrder(torch.autograd.Function):
    """The identity, whose gradient lies in memory as torchattacks' `view` wants it."""

    @staticmethod
    def forward(_: Any, pixels: Tensor) -> Tensor:
        return pixels.view_as(pixels)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return gradient.contiguous()


class _Model(nn.Module):
    """The classifier as a peer calls it."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, pixels: Tensor) -> Tensor:
        return self.classifier(_InOrder.apply(pixels))


def ours(
    classifier: Classifier, pixels: Tensor, labels: Tensor, norm: Norm, radius: float
) -> Tensor:
    goal = pasunchat.Goal(labels, targeted=False)
    return pasunchat.fool(
        classifier, pixels, goal=goal, attack="standard", norm=norm, radius=radius, levels=None
    ).pixels


def theirs(steps: int | None) -> Search:
    """AutoAttack; steps: of APGD and FAB, or None for those of torchattacks."""

    def search(
        classifier: Classifier, pixels: Tensor, labels: Tensor, norm: Norm, radius: float
    ) -> Tensor:
        ready()
        import torchattacks

        model = _Model(classifier)
        classes = classifier.predict_logits(pixels[:1]).shape[1]
        with frozen(model):
            attack = torchattacks.AutoAttack(
                model, norm=THEIR_NORMS[norm.name], eps=radius, n_classes=classes, seed=0
            )
            for part in attack._autoattack.attacks:
                if steps is not None and hasattr(part, "steps"):
                    part.steps = steps
            found: Tensor = attack(pixels.contiguous(), labels).detach()
        return found

    return search


def withstanding(
    classifier: Classifier, pixels: Tensor, labels: Tensor, norm: Norm, radius: float, found: Tensor
) -> Tensor:
    """Which photos withstand, bool [N]."""
    same = classifier.predict_logits(found, batch=1).argmax(1) == labels
    return same | (norm.measure(found.double() - pixels.double()) > radius * (1 + EXACT))


def compare(
    classifier: Classifier, pixels: Tensor, given: argparse.Namespace, norm: Norm, radius: float
) -> str:
    """A line of the table."""
    labels = classifier.predict_logits(pixels).argmax(1)
    contestants: dict[str, Search] = {"ours": ours, "theirs": theirs(given.theirs_steps)}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    robust: dict[str, Tensor] = {}
    for _ in range(given.rounds):
        for name, search in contestants.items():
            started = time.process_time()
            found = search(classifier, pixels, labels, norm, radius)
            seconds[name].append(time.process_time() - started)
            robust[name] = withstanding(classifier, pixels, labels, norm, radius, found)
    only_ours = int((~robust["ours"] & robust["theirs"]).sum())
    only_theirs = int((robust["ours"] & ~robust["theirs"]).sum())
    mine, peer = (median(seconds[name]) for name in contestants)
    return (
        f"| {norm.in_words(radius)} | {int(robust['ours'].sum())} of {len(pixels)} "
        f"| {int(robust['theirs'].sum())} | {only_ours} / {only_theirs} "
        f"| {mine:.1f} s | {peer:.1f} s | {mine / peer:.2f} |"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("model")
    options.add_argument("images", type=Path)
    options.add_argument("radii", nargs="+", metavar="NORM:RADIUS")
    options.add_argument("--photos", type=int, default=64)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--theirs-steps", type=int, default=None)
    given = options.parse_args()
    keep_pages()
    torch.set_num_threads(1)
    classifier = pasunchat.load(given.model)
    pixels = as_pixels(np.load(given.images)[: given.photos])
    print("| radius | ours | AutoAttack | only ours / only theirs fooled | ours | theirs | ratio |")
    print("|---|---|---|---|---|---|---|")
    for word in given.radii:
        norm, _, radius = word.partition(":")
        value = number(radius, "radius")
        print(compare(classifier, pixels, given, NORMS[norm], value), flush=True)


if __name__ == "__main__":
    main()
