"""Intervals that a training can learn from: what each value of a network can be, by itself, where
the pixels lie in a box (interval bound propagation, Gowal et al. 2018, arXiv:1810.12715).

A network is called with `Intervals` in place of pixels, and each function of PyTorch that it runs
is looked up in RULES; gradients go to its weights. For learning only: nothing is rounded outward,
and no certificate stands on it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.fast.intervals import worst_margins
from pasunchat.classifiers.modes import evaluating
from pasunchat.errors import PasunchatError
from pasunchat.norms import batch_view

SHAPE = ("__get__", "dim", "size")  # what a layer may ask of a tensor without changing it


class Dense(NamedTuple):
    """A dense layer, and what it was given."""

    inputs: "Intervals"  # [N, K]
    weight: Tensor  # [C, K]
    bias: Tensor  # [C]


class Intervals(Tensor):
    """A tensor of which is known that low <= x <= high, value by value.

    The numbers of the tensor itself mean nothing; its shape and device do.
    """

    low: Tensor
    high: Tensor
    made_by: Dense | None  # the dense layer that gave it, if one did

    @staticmethod
    def __new__(cls, low: Tensor, high: Tensor, made_by: Dense | None = None) -> Self:
        made = low.detach().as_subclass(cls)
        made.low, made.high, made.made_by = low, high, made_by
        return made

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = getattr(func, "__name__", str(func))
        if name in SHAPE:
            return super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[no-untyped-call]
        if name not in RULES:
            raise PasunchatError(
                f"no intervals are known of {name}, which this network runs; take a defence that "
                "needs none, as linf:1/255:n-fgsm, or another network (simple)"
            )
        return RULES[name](func, *args, **(kwargs or {}))


def worst_logits(classifier: Classifier, pixels: Tensor, radius: Tensor, labels: Tensor) -> Tensor:
    """The most that each logit can be above the real class's, float [N, C], 0 at that class, where
    no value of the pixels, [N, 3, H, W], changes by more than the radius, [N]; by intervals, so
    that it may be less. The box is not cut at 0 and 1.

    The classifier is asked in evaluation mode, without a mirror image. labels: int64 [N]. Where the
    kernel serves, it is quicker, and the largest radius counts for all. Raises PasunchatError where
    a function is run that RULES does not know.
    """
    quick = worst_margins(
        classifier.network, pixels, float(radius.max()), labels, classifier.scale, classifier.shift
    )
    if quick is not None:
        return pixels.new_zeros(len(pixels), 2).scatter(1, 1 - labels[:, None], quick[:, None])
    reach = batch_view(radius)
    low, high = classifier.normalised(pixels - reach), classifier.normalised(pixels + reach)
    with evaluating(classifier):
        logits = classifier.network(Intervals(low, high))
    assert isinstance(logits, Intervals) and logits.made_by  # each of our networks ends in one
    return _above_the_real(logits.made_by, labels)


def _above_the_real(dense: Dense, labels: Tensor) -> Tensor:
    """The most that each logit of a dense layer can be above the real one, [N, C]: the difference
    of two logits is one weighted sum, which is narrower than their two intervals."""
    middle, half = _centred(dense.inputs)
    centre = functional.linear(middle, dense.weight, dense.bias)
    reach = torch.empty_like(centre)
    for label in set(labels.tolist()):
        own, apart = labels == label, dense.weight - dense.weight[label]
        reach[own] = functional.linear(half[own], apart.abs())
    return centre - centre.gather(1, labels[:, None]) + reach


def _centred(x: Intervals) -> tuple[Tensor, Tensor]:
    """The centre of each interval, and how far it reaches from there."""
    return (x.low + x.high) / 2, (x.high - x.low) / 2


def _around(middle: Tensor, half: Tensor, made_by: Dense | None = None) -> Intervals:
    return Intervals(middle - half, middle + half, made_by)


def _rising(function: Callable[..., Tensor], x: Intervals, *rest: Any, **more: Any) -> Intervals:
    """Of a function that does not fall when a value of its input rises."""
    return Intervals(function(x.low, *rest, **more), function(x.high, *rest, **more))


def _joined(
    function: Callable[..., Tensor], parts: Sequence[Intervals], *rest: Any, **more: Any
) -> Intervals:
    """`_rising`, of several tensors."""
    low = function([part.low for part in parts], *rest, **more)
    return Intervals(low, function([part.high for part in parts], *rest, **more))


def _added(function: Callable[..., Tensor], x: Intervals, y: Intervals) -> Intervals:
    return Intervals(function(x.low, y.low), function(x.high, y.high))


def _convolved(
    function: Callable[..., Tensor],
    x: Intervals,
    weight: Tensor,
    bias: Tensor | None,
    *settings: Any,
    **more: Any,
) -> Intervals:
    middle, half = _centred(x)
    return _around(
        function(middle, weight, bias, *settings, **more),
        function(half, weight.abs(), None, *settings, **more),
    )


def _dense(
    function: Callable[..., Tensor], x: Intervals, weight: Tensor, bias: Tensor
) -> Intervals:
    middle, half = _centred(x)
    made_by = Dense(x, weight, bias)
    return _around(function(middle, weight, bias), function(half, weight.abs()), made_by)


def _normed(
    function: Callable[..., Tensor],
    x: Intervals,
    mean: Tensor,
    variance: Tensor,
    weight: Tensor,
    bias: Tensor,
    **more: Any,
) -> Intervals:
    middle, half = _centred(x)
    return _around(
        function(middle, mean, variance, weight, bias, **more),
        function(half, torch.zeros_like(mean), variance, weight.abs(), None, **more),
    )


# A function of PyTorch by its name -> what it makes of intervals, given itself and its arguments.
RULES: Mapping[str, Callable[..., Intervals]] = {
    **dict.fromkeys(("relu", "hardtanh", "max_pool2d", "avg_pool2d"), _rising),
    **dict.fromkeys(("mean", "amax", "flatten", "pad", "dropout"), _rising),
    "add": _added,
    "cat": _joined,
    "conv2d": _convolved,
    "linear": _dense,
    "batch_norm": _normed,
}
