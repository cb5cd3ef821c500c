"""Double masking: what is proved of a masked classifier, against square patches.

Xiang, Mahloujifar and Mittal 2022, "PatchCleanser", theorem 1: if the classifier inside is right
about a picture with every pair of windows blanked, the two rounds of the masked one are right about
it with any square patch up to the area, of whatever content, wherever it lies. For one window hides
the patch: with it every second window gives the right class, and no other window has its way, since
this one is among its second windows.
"""

import torch
from torch import Tensor

from pasunchat.certificates.certificate import Certificate, Proof
from pasunchat.classifiers.classifier import Classifier, cannot_run, finite
from pasunchat.classifiers.masked import Masked, blank, shown_beside, two_rounds
from pasunchat.classifiers.outputs import in_one_line
from pasunchat.classifiers.versions import Answers, asking
from pasunchat.errors import PasunchatError
from pasunchat.progress import Progress, silent

METHOD, NORM = "masks", "patch"
SURE = 1e-4  # of the largest logit: a smaller margin might be rounding's, and is not counted on
PAIRS = (32, 128)  # asked about at once: few at first, since most photos fail soon or not at all


def masks(
    classifier: Classifier, pixels: Tensor, labels: Tensor, *, progress: Progress = silent
) -> list[Certificate]:
    """A certificate for each of pixels, float32 [N, 3, H, W] in [0, 1], with labels, int64 [N].

    classifier: one of `masked`; the radius is its area. It stops at the first pair of windows that
    is not surely right, those that look likeliest to fail come first. progress: (photos done,
    photos). PROVED: no square patch of the area changes the answer. NOT_PROVED: the answer is
    right, and some pair is not. MISREAD: the answer is wrong. Nothing is drawn. Raises
    PasunchatError for another classifier, and for pictures that are smaller than a patch.
    """
    if not isinstance(classifier.network, Masked):
        raise PasunchatError(
            f"masks prove something of a masked classifier only, got {classifier.known_as}; take "
            f"masked:{classifier.known_as},area=0.02"
        )
    network, digest = classifier.network, classifier.digest()
    shown = shown_beside(network.masking, *pixels.shape[2:]).to(pixels.device)
    certificates = []
    with network.classifier.as_judge(), in_one_line(cannot_run(pixels)):
        for photo, label in zip(pixels, labels.tolist(), strict=True):
            ask = _Counting(network.classifier)
            proof, answer = _proof(ask, photo, shown, label)
            certificates.append(
                Certificate(
                    proof=proof,
                    norm=NORM,
                    radius=network.masking.area if proof is Proof.PROVED else 0.0,
                    method=METHOD,
                    label=label,
                    answer=answer,
                    of=digest,
                    queries=ask.queries,
                )
            )
            progress(len(certificates), len(pixels))
    return certificates


class _Counting:
    """Asks a classifier, and counts the pictures."""

    def __init__(self, classifier: Classifier) -> None:
        self.ask, self.queries = asking(classifier), 0

    def __call__(self, pixels: Tensor) -> Tensor:
        self.queries += len(pixels)
        return finite(self.ask(pixels))


def _proof(ask: _Counting, photo: Tensor, shown: Tensor, label: int) -> tuple[Proof, int]:
    """How the proof for one photo, [3, H, W], ends, and what the masked classifier answers."""
    logits = ask(blank(photo[None], shown)[0])
    margins = _margins(logits, label)
    if bool((margins > 0).all()):
        every = _all_pairs_right(ask, photo, shown, label, margins)
        return (Proof.PROVED if every else Proof.NOT_PROVED), label
    mean = logits.log_softmax(1).logsumexp(0)  # its order is all that counts here
    first = Answers((mean - mean.logsumexp(0))[None], logits.argmax(1)[None])
    answer = two_rounds(ask, photo, shown, first)
    return (Proof.NOT_PROVED if answer == label else Proof.MISREAD), answer


def _all_pairs_right(
    ask: _Counting, photo: Tensor, shown: Tensor, label: int, margins: Tensor
) -> bool:
    """Whether the label is given with every two windows blanked. margins: [K], with one."""
    one, other = torch.triu_indices(len(shown), len(shown), 1)
    order = (margins[one] + margins[other]).argsort(stable=True)
    first, size = PAIRS
    starts = [0, *range(first, len(order), size)]
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        pairs = order[start:end]
        both = blank(photo[None], shown[one[pairs]] & shown[other[pairs]])[0]
        if not bool((_margins(ask(both), label) > 0).all()):
            return False
    return True


def _margins(logits: Tensor, label: int) -> Tensor:
    """How far the label is ahead of what rounding could change, [K], of logits [K, C]."""
    others = logits.clone()
    others[:, label] = -torch.inf
    return logits[:, label] - others.amax(1) - SURE * logits.abs().amax(1)
