"""Our own contestants: `pasunchat.fool`, untargeted, with a few of its options."""

from collections.abc import Mapping
from typing import Any

from attack_contestant import Attack, Contestant, Outcome
from torch import Tensor

from pasunchat import Goal, Request, fool
from pasunchat.attacks.norms import NORMS
from pasunchat.classifiers.classifier import Classifier

EFFORTS = ("quick", "normal", "thorough")


def searching(norm: str, attack: str | None = None, **options: Any) -> Attack:
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
