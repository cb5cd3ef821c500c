"""A classifier asked about many versions of a picture: the mean of its answers, and who leads.

Smoothing shows it a picture under noise, masking one with windows blanked. What comes of either is
a classifier of its own: its answer is a vote, and its gradient that of the mean.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pasunchat.classifiers.classifier import Classifier, with_noise
from pasunchat.classifiers.company import Company

Ask = Callable[[Tensor], Tensor]  # pixels [N, 3, H, W] -> logits [N, C]
# Pixels [N, 3, H, W] and which versions, K of them -> [N, K, 3, H, W].
Versions = Callable[[Tensor, range], Tensor]

TOGETHER = 64  # pictures asked about at once, where a picture has several versions
LEAD = 0.01  # least lead of the class that wins the vote, as a difference of logits


class Answers(NamedTuple):
    """What a classifier says of K versions of each of N pictures."""

    mean: Tensor  # [N, C], the logarithm of the mean of the softmax
    each: Tensor  # int64 [N, K], the class of each version


def asking(classifier: Classifier) -> Ask:
    """The classifier's logits in float32, each version asked as if it were alone."""

    def ask(pixels: Tensor) -> Tensor:
        if classifier.company is None:
            classifier.find_company(with_noise(pixels[:1]))
        logits: Tensor = classifier(pixels.contiguous(memory_format=torch.channels_last))
        return logits.float()

    return ask


def answers(ask: Ask, versions: Versions, count: int, pixels: Tensor) -> Answers:
    """Ask about `count` versions of each of pixels [N, 3, H, W].

    The mean has a gradient of the pixels, not of weights. Its memory is that of TOGETHER pictures:
    on the way back the versions are asked once more, part by part.
    """
    mean, each = _Mean.apply(pixels, ask, versions, count)  # type: ignore[no-untyped-call]
    return Answers(mean, each)


def votes_of(each: Tensor, classes: int) -> Tensor:
    """How many versions were taken for which class, int64 [N, classes], of `Answers.each`."""
    return nn.functional.one_hot(each, classes).sum(1)


def winner(found: Answers) -> Tensor:
    """The class with most votes, int64 [N]; of those with equally many, the likelier one."""
    return (votes_of(found.each, found.mean.shape[1]) + found.mean.detach().exp()).argmax(1)


def led_by(mean: Tensor, leader: Tensor) -> Tensor:
    """The logits `mean` [N, C], in which class leader[n], int64 [N], is the largest of its row.

    Its logit is raised to LEAD above the others' where it is not there by itself; nothing else
    changes, and the gradient stays that of `mean`. So whoever asks for a label is told the vote's,
    while a search that follows the margin sees the mean's, which has no steps.
    """
    at = leader[:, None]
    known = mean.detach()
    others = known.scatter(1, at, -math.inf).amax(1, keepdim=True)
    return mean.scatter_add(1, at, (others + LEAD - known.gather(1, at)).clamp_min(0))


def around(network: nn.Module, classifier: Classifier, known_as: str) -> Classifier:
    """The Classifier of a network that asks `classifier` about versions of each picture."""
    info = replace(classifier.info, network_name=None, mirrored=False)  # the inner one's own doing
    made = Classifier.with_info(network, info)
    made.known_as, made.company = known_as, Company.SAME  # the inner one is asked as it must be
    return made.to(classifier.mean.device).train(classifier.training)


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, pixels: Tensor, ask: Ask, versions: Versions, count: int
    ) -> tuple[Tensor, Tensor]:
        mean, each = None, []
        for some in _parts(count, len(pixels)):
            logits = _ask_all(ask, versions(pixels, some))
            part = logits.log_softmax(2).logsumexp(1)
            mean = part if mean is None else torch.logaddexp(mean, part)
            each.append(logits.argmax(2))
        assert mean is not None
        mean, labels = mean - math.log(count), torch.cat(each, 1)
        ctx.save_for_backward(pixels, mean)
        ctx.asked = ask, versions, count
        ctx.mark_non_differentiable(labels)
        return mean, labels

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor, _: object) -> tuple[Tensor | None, ...]:
        pixels, mean = ctx.saved_tensors
        ask, versions, count = ctx.asked
        gradient = torch.zeros_like(pixels)
        for some in _parts(count, len(pixels)):
            with torch.enable_grad():
                leaf = pixels.detach().requires_grad_()
                each = _ask_all(ask, versions(leaf, some)).log_softmax(2)
                # d log mean(p) = sum of (p / mean(p)) d log p, over the versions, divided by K
                share = (each.detach() - mean[:, None]).exp() / count
                gradient += torch.autograd.grad((each * share * slopes[:, None]).sum(), leaf)[0]
        return gradient, None, None, None


def _ask_all(ask: Ask, versions: Tensor) -> Tensor:
    """Logits [N, K, C] of versions [N, K, 3, H, W]."""
    return ask(versions.flatten(0, 1)).view(*versions.shape[:2], -1)


def _parts(count: int, rows: int) -> list[range]:
    """The versions 0..count-1 in parts, of about TOGETHER pictures for so many rows."""
    size = max(1, TOGETHER // max(rows, 1))
    return [range(first, min(first + size, count)) for first in range(0, count, size)]
