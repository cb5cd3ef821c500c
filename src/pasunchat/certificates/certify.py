"""certify: photos, a classifier -> what is proved of its answers. CERTIFICATES: how.

One more method is one file beside this one and one row here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from pasunchat.certificates.certificate import Certificate, Proof
from pasunchat.certificates.linear_bounds import linear_bounds
from pasunchat.certificates.masks import masks
from pasunchat.certificates.votes import ALPHA, votes
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.load import Model, as_classifier
from pasunchat.classifiers.masked import Masked
from pasunchat.classifiers.smoothed import Smoothed
from pasunchat.errors import PasunchatError
from pasunchat.inputs import Labels, Photos, classes_of, pixels_of
from pasunchat.parsing import number
from pasunchat.progress import Progress, silent

Effort = Literal["quick", "normal", "thorough"]


@dataclass(frozen=True)
class Asked:
    """What is asked of a certificate: checked once, handed on whole."""

    norm: str | None = None  # None: the method's own
    # the radius to prove, or as a word: "1/255"; None: the widest that can be proved
    radius: float | None = None
    effort: Effort = "normal"
    seed: int = 0
    alpha: float = ALPHA  # of votes: largest probability that one certificate is wrong

    def __post_init__(self) -> None:
        if isinstance(self.radius, str):
            object.__setattr__(self, "radius", number(self.radius, "radius"))
        if self.radius is not None and not self.radius > 0:
            raise PasunchatError(f"radius: expected a number above 0, got {self.radius:g}")
        if self.effort not in get_args(Effort):
            raise PasunchatError(
                f'effort: expected {", ".join(get_args(Effort))}, got "{self.effort}"'
            )


class CertificateMethod(NamedTuple):
    """A way to prove something of a classifier's answers."""

    about: str
    paper: str
    norm: str
    of: str  # which classifiers
    cost: str
    # (classifier, pixels [N, 3, H, W], labels [N], what is asked, progress) -> one for each
    prove: Callable[[Classifier, Tensor, Tensor, Asked, Progress], list[Certificate]]


def _bounds(
    classifier: Classifier, pixels: Tensor, labels: Tensor, asked: Asked, progress: Progress
) -> list[Certificate]:
    return linear_bounds(
        classifier, pixels, labels, radius=asked.radius, effort=asked.effort, progress=progress
    )


def _votes(
    classifier: Classifier, pixels: Tensor, labels: Tensor, asked: Asked, progress: Progress
) -> list[Certificate]:
    return votes(
        classifier, pixels, labels,
        effort=asked.effort, seed=asked.seed, alpha=asked.alpha, progress=progress,
    )  # fmt: skip


def _masks(
    classifier: Classifier, pixels: Tensor, labels: Tensor, _: Asked, progress: Progress
) -> list[Certificate]:
    return masks(classifier, pixels, labels, progress=progress)


CERTIFICATES: Mapping[str, CertificateMethod] = {
    "bounds": CertificateMethod(
        "linear bounds of every layer: no change of any value by the radius or less fools it",
        "Zhang et al. 2018, Efficient Neural Network Robustness Certification with General "
        "Activation Functions; Xu et al. 2020",
        "linf",
        "of convolutions, pooling, relu, batch norm and dense layers, as it is",
        "seconds to a minute a photo, by its pixels",
        _bounds,
    ),
    "votes": CertificateMethod(
        "the vote of a classifier under noise: no change shorter than the radius fools the vote",
        "Cohen, Rosenfeld and Kolter 2019, Certified Adversarial Robustness via Randomized "
        "Smoothing",
        "l2",
        "smoothed:MODEL,sigma=0.25",
        "1,000 answers a photo",
        _votes,
    ),
    "masks": CertificateMethod(
        "the vote of a classifier with windows blanked: no square patch of the area fools the vote",
        "Xiang, Mahloujifar and Mittal 2022, PatchCleanser",
        "patch",
        "masked:MODEL,area=0.02",
        "up to 666 answers a photo",
        _masks,
    ),
}


def method_for(classifier: Classifier, norm: str | None = None) -> str:
    """The row of CERTIFICATES that proves something of this classifier.

    Raises PasunchatError where another norm is asked for, with the classifier that has it.
    """
    kinds: dict[str, type] = {"votes": Smoothed, "masks": Masked}
    network = classifier.network
    name = next((name for name, kind in kinds.items() if isinstance(network, kind)), "bounds")
    if norm in (None, CERTIFICATES[name].norm):
        return name
    others = {row.norm: row.of for row in CERTIFICATES.values()}
    if norm not in others:
        raise PasunchatError(f'norm: expected {", ".join(others)} for a certificate, got "{norm}"')
    instead = others[norm] if norm != "linf" else "the model itself, without smoothed: or masked:"
    proved = CERTIFICATES[name].norm
    raise PasunchatError(
        f"{classifier.known_as}: {name} prove something in {proved}, not {norm}; ask for {proved}, "
        f"or take {instead}"
    )


def certify(
    model: Model,
    photos: Photos,
    labels: Labels | None = None,
    *,
    norm: str | None = None,
    radius: float | None = None,
    effort: Effort = "normal",
    seed: int = 0,
    alpha: float = ALPHA,
    progress: Progress = silent,
) -> list[Certificate]:
    """What is proved of a classifier's answer to each photo: up to which radius no change, of
    whatever kind, makes it answer anything else.

    model: as `fool` takes it; `smoothed:` and `masked:` ones have certificates of their own kind.
    photos, labels: as `fool` takes them; without labels, the classifier's own answers. norm,
    radius, effort, seed, alpha: the fields of `Asked`. progress: (photos done, photos). Raises
    PasunchatError for a network that has no certificate of this kind, saying which has.
    """
    classifier = as_classifier(model)
    asked = Asked(norm, radius, effort, seed, alpha)
    method_for(classifier, norm)
    pixels = pixels_of(photos, classifier)
    answers = classifier.predict_logits(pixels)
    names = [classifier.class_name(index) for index in range(answers.shape[1])]
    right = answers.argmax(1) if labels is None else classes_of(labels, names, len(pixels))
    return certificates_of(classifier, pixels, right, asked, progress)


def certificates_of(
    classifier: Classifier,
    pixels: Tensor,
    labels: Tensor,
    asked: Asked,
    progress: Progress = silent,
) -> list[Certificate]:
    """As `certify`, of pixels, float32 [N, 3, H, W] in [0, 1], and labels, int64 [N]."""
    method = CERTIFICATES[method_for(classifier, asked.norm)]
    with torch.no_grad():
        found = method.prove(classifier, pixels, labels, asked, progress)
    return [_held_against(each, asked.radius) for each in found]


def _held_against(certificate: Certificate, radius: float | None) -> Certificate:
    """Not proved where the radius asked for is larger than what is proved."""
    if radius is None or certificate.proof is not Proof.PROVED or certificate.radius >= radius:
        return certificate
    return replace(certificate, proof=Proof.NOT_PROVED)
