"""Our own contestants: `pasunchat.fool`, untargeted, with a few of its options."""

from collections.abc import Mapping
from typing import Any

import torch
from attack_contestant import Attack, Contestant, Outcome
from torch import Tensor

from pasunchat import Goal, Request, fool
from pasunchat.attacks.losses import likeliest_others
from pasunchat.attacks.methods.apgd import Apgd
from pasunchat.attacks.methods.turning.least_levels import LeastLevels
from pasunchat.attacks.methods.turning.turning import Turning
from pasunchat.attacks.protocol import Method
from pasunchat.attacks.strategies.shrinking import Shrinking
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import NORMS

EFFORTS = ("quick", "normal", "thorough")


def searching(norm: str, attack: str | Method | None = None, **options: Any) -> Attack:
    """The nearest change. setting: an effort, or a number of gradients (`turning:gradients=20`).

    options: more fields of `Request`.
    """

    def search(classifier: Classifier, pixels: Tensor, labels: Tensor, setting: str) -> Outcome:
        if setting in EFFORTS:
            request = Request(attack=attack, norm=NORMS[norm], effort=setting, **options)
        else:
            request = Request(attack=f"{attack}:gradients={setting}", norm=NORMS[norm], **options)
        return _fooled(classifier, pixels, labels, request)

    return search


def toward_each(norm: str, attack: Method, likeliest: int = 10, **options: Any) -> Attack:
    """The least of searches aimed at each of the likeliest other classes, and of one at none: what
    the ways to leave one of many classes are measured by. setting: of no matter."""

    def search(classifier: Classifier, pixels: Tensor, labels: Tensor, setting: str) -> Outcome:
        del setting
        request = Request(attack=attack, norm=NORMS[norm], **options)
        leave = Goal(labels, targeted=False)
        logits = classifier.predict_logits(pixels, 1).to(labels.device)
        targets = likeliest_others(logits, leave, likeliest)
        goals = [leave, *(Goal(target) for target in targets.unbind(1))]
        each = [fool(classifier, pixels, request, goal=goal) for goal in goals]
        away = torch.stack(
            [
                torch.where(
                    torch.tensor([s == "reached" for s in one.status]), one.distance, torch.inf
                )
                for one in each
            ]
        )
        rows, nearest = torch.arange(len(pixels)), away.argmin(0)
        return Outcome(
            torch.stack([one.pixels for one in each])[nearest, rows],
            sum(one.forwards for one in each).tolist(),
            sum(one.backwards for one in each).tolist(),
        )

    return search


def within(norm: str, attack: str, **options: Any) -> Attack:
    """Any change inside a radius. setting: the radius, in levels of 255."""

    def search(classifier: Classifier, pixels: Tensor, labels: Tensor, setting: str) -> Outcome:
        radius = float(setting) / 255
        request = Request(attack=attack, norm=NORMS[norm], radius=radius, **options)
        return _fooled(classifier, pixels, labels, request)

    return search


def _fooled(classifier: Classifier, pixels: Tensor, labels: Tensor, request: Request) -> Outcome:
    found = fool(classifier, pixels, request, goal=Goal(labels, targeted=False))
    return Outcome(found.pixels, found.forwards.tolist(), found.backwards.tolist())


OURS: Mapping[str, Contestant] = {
    "turning": Contestant("ours, float", searching("l2", "turning", levels=None)),
    "turning-256": Contestant("ours, on 256 levels", searching("l2", "turning", levels=256)),
    "turning-256-95": Contestant(
        "ours, on 256 levels, at 95 %", searching("l2", "turning", levels=256, confidence=0.95)
    ),
    "ours-linf": Contestant("ours, LINF on 256 levels", searching("linf", levels=256)),
    "ours-linf-float": Contestant("ours, LINF, float", searching("linf", levels=None)),
    "toward-each": Contestant(
        "ours, 100 gradients toward each class, float",
        toward_each("l2", Turning(gradients=100), levels=None),
    ),
    "toward-each-256": Contestant(
        "ours, 100 gradients toward each class, on 256 levels",
        toward_each("l2", Turning(gradients=100), levels=256),
    ),
    "toward-each-linf": Contestant(
        "ours, thorough toward each class, LINF on 256 levels",
        toward_each("linf", LeastLevels("thorough"), levels=256),
    ),
    "toward-each-linf-float": Contestant(
        "ours, 100 gradients toward each class, LINF, float",
        toward_each("linf", LeastLevels("thorough"), levels=None),
    ),
    "apgd-least": Contestant(
        "the least radius of APGD, float", searching("linf", Shrinking(Apgd()), levels=None)
    ),
    "apgd-least-256": Contestant(
        "the least radius of APGD, on 256 levels", searching("linf", Shrinking(Apgd()), levels=256)
    ),
    "ours-l1": Contestant("ours, L1 on 256 levels", searching("l1", levels=256)),
    "ours-l1-float": Contestant("ours, L1, float", searching("l1", levels=None)),
    "ours-l0": Contestant("ours, L0 on 256 levels", searching("l0", levels=256)),
    "ours-l0-float": Contestant("ours, L0, float", searching("l0", levels=None)),
    "ours-pixels": Contestant("ours, PIXELS on 256 levels", searching("pixels", levels=256)),
    "portfolio": Contestant("ours, on 256 levels", searching("l2", "portfolio", levels=256)),
    "pgd": Contestant("ours, float, 100 steps", within("linf", "pgd:steps=100", levels=None)),
    "standard": Contestant("ours, float", within("linf", "standard", levels=None)),
    "standard-256": Contestant("ours, on 256 levels", within("linf", "standard", levels=256)),
}
