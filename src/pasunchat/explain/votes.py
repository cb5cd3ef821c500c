"""Votes: the last sum of a network taken apart, place by place of its last maps.

A network that ends in maps, a pooling or a flattening, and one dense layer, is linear from the maps
on: a difference of two logits is the sum, over all places, of the maps there times weights, and a
bias. For mean pooling this is class activation mapping (Zhou et al. 2016, arXiv:1512.04150,
equation 1); here nothing is scaled or resized, so it adds up.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pasunchat.classifiers.classifier import as_images
from pasunchat.classifiers.load import Model
from pasunchat.errors import PasunchatError
from pasunchat.explain.chains import chains
from pasunchat.explain.fields import Place, places
from pasunchat.explain.forward_pass import (
    ForwardPass,
    Image,
    Step,
    Value,
    forward_pass,
    produced_by,
)

ADDS_UP = 1e-3  # how far the parts may be from the lead, as a share of the votes' sizes
# What may stand between the last maps and the logits: what is linear, or takes a maximum, which for
# what came out is linear too: its vote is where the largest was.
LINEAR = (
    *("addmm", "mm", "add", "sub", "mul", "div", "neg"),
    *("native_batch_norm", "native_batch_norm_legit_no_training"),
    *("mean", "sum", "amax", "max_pool2d_with_indices", "avg_pool2d", "adaptive_avg_pool2d"),
    *("view", "unsafe_view", "reshape", "squeeze", "unsqueeze", "expand", "permute", "transpose"),
    *("t", "clone", "to_copy", "alias", "detach", "cat", "select", "slice"),
)
DENSE = ("addmm", "mm")


@dataclass(frozen=True)
class Votes:
    """What each place of the last maps adds to a lead: votes.sum() + bias = lead."""

    side: tuple[int, int]  # rows and columns of the last maps
    votes: NDArray[np.float32]  # [rows, columns]: above 0 for the target, below for the other
    bias: float  # what stands there without any photo
    lead: float  # logit of the target minus that of the other
    mirror: (
        bool  # the classifier takes the mean of two looks, at the photo and at its mirror image;
    )
    # so do the votes, with those of the second look turned back
    totals: tuple[float, ...]  # the logits of all classes
    target: int
    other: int


def votes(
    classifier: Model, image: Image | ForwardPass, target: int, other: int | None = None
) -> Votes | None:
    """What each place of the last maps adds to logit[target] - logit[other].

    image: as for `layer_maps`. other: None for the class with the largest logit but the target's.
    Exact, but for rounding; None where the network does not end in maps of a convolution,
    then only what is linear (relu, pooling, mean, flatten), then one dense layer; and where no
    gradient comes back.
    Raises PasunchatError for a class that there is not.
    """
    seen = forward_pass(classifier, image)
    looks = [seen]
    mirrored = seen.classifier.info.mirrored
    if mirrored:
        looks.append(forward_pass(seen.classifier, as_images(seen.pixels.flip(3))[0]))
    totals = torch.stack([look.logits for look in looks]).mean(0)
    other = best_other(totals, target) if other is None else other
    check_classes(len(totals), target, other)
    parts = [_of_one_look(look, target, other) for look in looks]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    fields = [field if index == 0 else field[:, ::-1] for index, (field, _) in enumerate(known)]
    each = np.mean(fields, axis=0)
    bias = float(np.mean([bias for _, bias in known]))
    lead = float(totals[target] - totals[other])
    if abs(float(each.sum()) + bias - lead) > ADDS_UP * max(abs(lead), float(np.abs(each).sum())):
        return None
    return Votes(
        side=(each.shape[0], each.shape[1]),
        votes=each.astype(np.float32),
        bias=bias,
        lead=lead,
        mirror=mirrored,
        totals=tuple(totals.tolist()),
        target=target,
        other=other,
    )


def best_other(logits: Tensor, target: int) -> int:
    """The class with the largest of logits [C] but the target's."""
    check_classes(len(logits), target)
    rest = logits.clone()
    rest[target] = -torch.inf
    return int(rest.argmax())


def check_classes(count: int, target: int, other: int | None = None) -> None:
    """Raise PasunchatError unless these are two of `count` classes."""
    wanted = [target] if other is None else [target, other]
    if any(not 0 <= each < count for each in wanted) or target == other:
        raise PasunchatError(
            f"target, other: expected two of {count} classes, numbered from 0, got {target} and "
            f"{other}"
        )


def _of_one_look(
    seen: ForwardPass, target: int, other: int
) -> tuple[NDArray[np.float64], float] | None:
    """(votes [rows, columns], bias) of one pass; None where the end is not linear, or gives no
    gradient."""
    found = places(seen)
    number = _last_maps(seen, found)
    if number is None:
        return None
    tail = _between(seen, number)
    maps = seen.values[number].detach()

    def lead(value: Tensor) -> Tensor:
        logits = _replayed(seen, tail, number, value)
        return (logits[0, target] - logits[0, other]).double()

    with torch.enable_grad():
        leaf = maps.clone().requires_grad_()
        difference = lead(leaf)
        if not difference.requires_grad:  # the network cuts its gradient
            return None
        (slope,) = torch.autograd.grad(difference, leaf)
    with torch.no_grad():
        bias = float(lead(torch.zeros_like(maps)))
    each = found[number].maps(maps.double() * slope.double()).sum(0)
    return each.cpu().numpy(), bias


def _last_maps(seen: ForwardPass, found: dict[int, Place]) -> int | None:
    """The maps from which all that follows is linear, with one dense layer in it; None where there
    are none."""
    if seen.result is None:
        return None
    made_by, dense = produced_by(seen.steps), set()
    ends: set[int] = set()
    open_, looked = [seen.result], set[int]()
    while open_:
        number = open_.pop()
        if number in looked:
            continue
        looked.add(number)
        step = made_by.get(number)
        if _are_maps(seen, found, number):
            ends.add(number)
            continue
        if step is None or not _is_linear(step):
            if number not in found:
                return None
            ends.add(number)
            continue
        if step.operation in DENSE:
            dense.add(id(step))
        open_ += step.inputs
    convolved = {chain.layer.outputs[0] for chain in chains(seen) if chain.kind != "dense"}
    if len(ends) != 1 or len(dense) != 1:
        return None
    (end,) = ends
    return end if _comes_from(end, convolved, made_by) else None


def _are_maps(seen: ForwardPass, found: dict[int, Place], number: int) -> bool:
    if number not in found:
        return False
    axes, shape = found[number].axes, seen.values[number].shape
    return shape[axes[2]] * shape[axes[3]] > 1


def _is_linear(step: Step) -> bool:
    if step.operation not in LINEAR:
        return False
    if step.operation in ("mul", "div", *DENSE):  # by numbers that do not depend on the picture
        varying = [place for place, each in enumerate(step.arguments) if isinstance(each, Value)]
        return varying == [1 if step.operation == "addmm" else 0]
    return "batch_norm" not in step.operation or not step.arguments[5]


def _comes_from(number: int, wanted: set[int], made_by: dict[int, Step]) -> bool:
    open_, looked = [number], set[int]()
    while open_:
        each = open_.pop()
        if each in wanted:
            return True
        if each not in looked and each in made_by:
            looked.add(each)
            open_ += made_by[each].inputs
    return False


def _between(seen: ForwardPass, number: int) -> list[Step]:
    """The steps that lead from a value on."""
    behind, tail = {number}, []
    for step in seen.steps:
        if behind.intersection(step.inputs) and number not in step.outputs:
            behind.update(step.outputs)
            tail.append(step)
    return tail


def _replayed(seen: ForwardPass, tail: list[Step], number: int, value: Tensor) -> Tensor:
    """The logits for another value of the last maps."""
    values = {number: value}

    def known(each: int) -> Tensor:
        return values[each] if each in values else seen.values[each]

    for step in tail:
        values.update(zip(step.outputs, step.again(known), strict=True))
    assert seen.result is not None
    return values[seen.result]
