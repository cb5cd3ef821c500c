"""What each search finds inside a radius, per gradient, and what several find together.

    python benchmarks/attack_parts.py MODEL IMAGES.npy [--norm linf] [--factor 1.003] [--photos 37]

Each photo's radius is a little more (`--factor`) than the least distance at which long searches
(turning with 400 gradients and FMN with 300 to leave its class, turning with 100 at each other
class) have found anything: so all can be fooled, and hardly. IMAGES.npy: uint8 [N, H, W, 3]; a
photo's class is what MODEL answers for it. Float pixels. Prints for each search how many photos it
fools and its gradients, those of a photo that it fails on last; then the same of several together.
`standard` (strategies/standard.py) was put together by it.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import pasunchat
from pasunchat.attacks.methods.apgd import Apgd
from pasunchat.attacks.methods.fmn import FMN
from pasunchat.attacks.methods.gradient_steps import GradientSteps
from pasunchat.attacks.methods.turning.turning import Turning
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.protocol import Attack
from pasunchat.attacks.search import SearchResult, SearchTask, search
from pasunchat.attacks.strategies.targets import EachTarget
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.norms import NORMS, Norm
from pasunchat.runtime import keep_pages

MOST = 9  # classes aimed at in turn

PARTS: Mapping[
    str, tuple[Attack[Any] | EachTarget, int]
] = {  # and gradients of a photo that each fails on
    "steps 8": (GradientSteps(steps=8, random=False), 8),
    "turning 20": (Turning(gradients=20), 20),
    "turning 40": (Turning(gradients=40), 40),
    "turning 100": (Turning(gradients=100), 100),
    "fmn 50": (FMN(steps=50), 50),
    "fmn 100": (FMN(steps=100), 100),
    "apgd 100": (Apgd(), 100),
    "apgd ce 100": (Apgd(loss_function="ce"), 100),
    "each: turning 20": (EachTarget(Turning(gradients=20), MOST), 20 * MOST),
    "each: turning 40": (EachTarget(Turning(gradients=40), MOST), 40 * MOST),
    "each: turning 100": (EachTarget(Turning(gradients=100), MOST), 100 * MOST),
    "each: apgd 100": (EachTarget(Apgd(), MOST), 100 * MOST),
    "each: fmn 100": (EachTarget(FMN(steps=100), MOST), 100 * MOST),
}
TOGETHER = (
    ("apgd ce 100", "each: apgd 100", "each: fmn 100"),  # as AutoAttack, with FMN for FAB
    ("turning 20", "fmn 100", "apgd 100", "apgd ce 100", "each: turning 40", "turning 100"),
)


def searched(
    classifier: Classifier,
    pixels: Tensor,
    goal: Goal,
    method: Attack[Any] | EachTarget,
    norm: Norm,
    radius: Tensor | None = None,
) -> SearchResult:
    """A search of all photos, each inside a radius of its own, [N]."""
    problem = Problem(pixels, goal, norm, None, radius)
    rows = torch.arange(len(pixels))
    task = SearchTask(classifier, problem, 7919 * rows, rows)
    return method.find(task) if isinstance(method, EachTarget) else search(method, task)


def least(classifier: Classifier, pixels: Tensor, labels: Tensor, norm: Norm) -> Tensor:
    """The least distance at which a long search finds anything, [N]."""
    leave, classes = Goal(labels, False), classifier.predict_logits(pixels[:1]).shape[1]
    tries = [
        searched(classifier, pixels, leave, attack, norm)
        for attack in (Turning(gradients=400), FMN(steps=300))
    ]
    for other in range(1, classes if classes > 2 else 1):
        goal = Goal((labels + other) % classes)
        tries.append(searched(classifier, pixels, goal, Turning(gradients=100), norm))
    return torch.stack([found.distance for found in tries]).amin(0)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("model")
    options.add_argument("images", type=Path)
    options.add_argument("--norm", choices=("linf", "l2"), default="linf")
    options.add_argument("--factor", type=float, default=1.003)
    options.add_argument("--photos", type=int, default=37)
    given = options.parse_args()
    keep_pages()
    torch.set_num_threads(1)
    classifier, norm = pasunchat.load(given.model), NORMS[given.norm]
    pixels = as_pixels(np.load(given.images)[: given.photos])
    logits = classifier.predict_logits(pixels)
    goal = Goal(logits.argmax(1), False, scale=logits.abs().amax(1))
    radius = given.factor * least(classifier, pixels, goal.classes, norm)
    fooled: dict[str, Tensor] = {}
    print("| search | fooled | gradients, mean | where it fails |\n|---|---|---|---|")
    for name, (method, most) in PARTS.items():
        if logits.shape[1] == 2 and name.startswith("each"):
            continue
        found = searched(classifier, pixels, goal, method, norm, radius)
        fooled[name] = found.distance.isfinite()
        mean = float(found.backwards.double().mean())
        print(f"| {name} | {int(fooled[name].sum())} | {mean:.1f} | {most} |", flush=True)
    for names in TOGETHER:
        names = tuple(name for name in names if name in fooled)
        union = torch.stack([fooled[name] for name in names]).any(0)
        cost = sum(PARTS[name][1] for name in names)
        print(f"| {' + '.join(names)} | {int(union.sum())} | | {cost} |")
    every = torch.stack(list(fooled.values())).any(0)
    print(f"| all | {int(every.sum())} of {len(pixels)} | | |")


if __name__ == "__main__":
    main()
