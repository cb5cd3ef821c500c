"""The modes that a network is asked in, and that it is given back in.

A network may be the user's own, in the middle of a training or a test loop: each of its parts keeps
its own mode, and its weights and statistics stay what they were.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pasunchat.runtime import full_precision


def set_mode(module: nn.Module, training: bool) -> None:
    """Put a module and its parts into training or evaluation mode. A program of torch.export has
    one mode only, and raises an error where it is asked for another: it stays as exported."""
    try:
        (module.train if training else module.eval)()
    except NotImplementedError:
        module.training = training
        for part in module.children():
            set_mode(part, training)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode; afterwards each part in the mode that it was in."""
    modes = [(part, _mode(part)) for part in module.modules()]
    if any(training for _, training in modes):
        set_mode(module, training=False)
    try:
        yield
    finally:
        for part, training in modes:  # parents first, so that a part has the last word on itself
            if _mode(part) != training:
                set_mode(part, training)
        for part, training in modes:  # and where it did not take it, as with a `train` of its own
            if _mode(part) != training:
                part.training = training


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode, in fp32 and without gradients; afterwards as it was.

    Not in inference mode: what a network keeps from one question to the next could not be part of
    a gradient later.
    """
    with evaluating(module), outside_inference_mode(), torch.no_grad(), full_precision():
        yield


@contextmanager
def outside_inference_mode() -> Iterator[None]:
    """A block that can take gradients although it is called in inference mode."""
    with torch.inference_mode(mode=False):
        yield


def ordinary(tensor: Tensor) -> Tensor:
    """The tensor, or where it was made in inference mode, a copy that a gradient may go through."""
    return tensor.clone() if tensor.is_inference() else tensor


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """The module without gradients of its weights; afterwards those that wanted one want it."""
    wanting = [p for p in module.parameters() if p.requires_grad and not p.is_inference()]
    for parameter in wanting:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in wanting:
            parameter.requires_grad_(True)


@contextmanager
def ordinary_weights(module: nn.Module) -> Iterator[None]:
    """A block in which copies stand for weights and buffers that were made in inference mode, which
    could not be part of a gradient; afterwards they are back."""
    aside: list[tuple[Any, str, Tensor]] = []
    copies: dict[int, Tensor] = {}
    for part in module.modules():
        tables: tuple[Any, ...] = (part._parameters, part._buffers)
        for held in tables:
            aside += [(held, n, v) for n, v in held.items() if v is not None and v.is_inference()]
    for held, name, value in aside:
        copy = copies.setdefault(id(value), value.detach().clone())
        held[name] = nn.Parameter(copy, False) if isinstance(value, nn.Parameter) else copy
    try:
        yield
    finally:
        for held, name, value in aside:
            held[name] = value


@contextmanager
def buffers_kept(module: nn.Module) -> Iterator[None]:
    """A block after which buffers, such as a batch norm's statistics, are what they were.

    Most networks do not change theirs when they are asked; one that was traced or exported in
    training mode does. A buffer that did not change is not written.
    """
    kept = [(name, buffer, buffer.clone()) for name, buffer in module.named_buffers()]
    try:
        yield
    finally:
        now = dict(module.named_buffers())
        for name, _, before in kept:
            changed = name in now and not torch.equal(now[name], before)
            if changed and now[name].shape == before.shape:
                with torch.no_grad():
                    now[name].copy_(before)


def _mode(part: nn.Module) -> bool:
    return bool(getattr(part, "training", False))  # a frozen TorchScript module has no mode
