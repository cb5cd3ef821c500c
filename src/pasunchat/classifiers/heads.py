"""Heads: what makes logits of a network's outputs, and the search for the right one.

Attacks need logits. Where a softmax or a sigmoid comes last, what went into it is taken; where a
network is only seen to give probabilities, a logarithm undoes them; one output becomes two classes.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, NoReturn

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pasunchat.errors import PasunchatError, PasunchatWarning
from pasunchat.runtime import generator

Ending = Literal["softmax", "sigmoid", "log_sigmoid", "tanh", "unbounded"]
SMALLEST = 1e-30  # of a probability, before its logarithm
WIDE = 2000.0  # noise far beyond any pixel: there only a bounded output stays in [0, 1]
ROWS = 4  # of noise, of each kind
SUM, SLACK = 1e-3, 1e-4  # how far a sum of probabilities may be from 1, and each from [0, 1]


def logits_themselves(outputs: Tensor) -> Tensor:
    """Logits [N, C] as they are."""
    return outputs


def of_probabilities(outputs: Tensor) -> Tensor:
    """log p, [N, C], of probabilities [N, C]: softmax of it is p again."""
    return outputs.clamp_min(SMALLEST).log()


def of_one_logit(outputs: Tensor) -> Tensor:
    """(0, z), [N, 2], of one logit a row, [N, 1] or [N]: softmax of it is (1 - sigmoid(z),
    sigmoid(z))."""
    z = outputs.reshape(-1, 1)
    return torch.cat([torch.zeros_like(z), z], 1)


def of_tanh(outputs: Tensor) -> Tensor:
    """(0, 2 z), [N, 2], of what goes into one tanh a row, which calls the second class from 0 on:
    (1 + tanh(z)) / 2 = sigmoid(2 z)."""
    return of_one_logit(2 * outputs)


def of_one_probability(outputs: Tensor) -> Tensor:
    """(log(1 - p), log p), [N, 2], of one probability a row, [N, 1] or [N]: that of the second
    class."""
    p = outputs.reshape(-1, 1)
    return torch.cat([1 - p, p], 1).clamp_min(SMALLEST).log()


@dataclass(frozen=True)
class Head:
    """How a network's outputs become logits [N, C] of two classes or more."""

    to_logits: Callable[[Tensor], Tensor] = logits_themselves
    takes_off: bool = False  # the last softmax, sigmoid or tanh: what went into it is taken

    @property
    def is_logarithm(self) -> bool:
        """Whether the network gives probabilities, so that rounding to 0 or 1 loses a gradient."""
        return self.to_logits in (of_probabilities, of_one_probability)

    def logits(self, ask: Callable[[], Tensor]) -> Tensor:
        """Logits [N, C]. ask: runs the network."""
        return self.of(watched(ask)) if self.takes_off else self.to_logits(ask())

    def of(self, seen: "Seen") -> Tensor:
        """Logits [N, C] of outputs that were seen to come about."""
        return self.to_logits(seen.before if self.takes_off else seen.outputs)


LOGITS = Head()


def watched(ask: Callable[[], Tensor]) -> "Seen":
    """What a network gives, and how it came about. ask: runs the network."""
    with _Endings() as endings:
        outputs = ask()
    last = endings.of(outputs)
    return Seen(outputs, last.before, last.ending, opaque=id(outputs) not in endings.traced)


def find_head(
    seen: "Seen",
    ask: Callable[[Tensor], Tensor],
    pixels: Tensor,
    model: str,
    *,
    ending: Ending | None = None,
) -> Head:
    """The head for a network, found by how it ends and by what it gives.

    seen: its outputs for pixels, float [N, 3, H, W]. ask: pixels -> outputs, without gradients, in
    evaluation mode; it is asked about noise where the outputs may be probabilities. model: its
    name, for errors. ending: how it ended in its file, where a softmax or sigmoid is taken off
    already. Raises PasunchatError for several sigmoids.
    """
    outputs, one = seen.outputs, seen.outputs.ndim == 1 or seen.outputs.shape[1] == 1
    if ending is not None:
        if ending == "sigmoid" and not one:
            _refuse_sigmoids(outputs, model)
        return Head(of_one_logit) if one else LOGITS
    if one and seen.ending in OF_ONE:
        return Head(OF_ONE[seen.ending], takes_off=True)
    if seen.ending == "sigmoid" and not _sum_to_one(outputs):
        _refuse_sigmoids(outputs, model)
    if seen.ending == "softmax" and not one:
        return Head(takes_off=True)
    return _by_outputs(seen, ask, pixels, model)


OF_ONE: dict[str | None, Callable[[Tensor], Tensor]] = {
    "sigmoid": of_one_logit,
    "log_sigmoid": of_one_logit,
    "tanh": of_tanh,
}


def _by_outputs(seen: "Seen", ask: Callable[[Tensor], Tensor], pixels: Tensor, model: str) -> Head:
    """The head where no ending is seen."""
    outputs = seen.outputs
    if outputs.ndim == 1 or outputs.shape[1] == 1:
        bounded = seen.ending != "unbounded" and _within(outputs) and _holds(_within, ask, pixels)
        if bounded:
            _warn(model)
        return Head(of_one_probability if bounded else of_one_logit)
    if _sum_to_one(outputs) and _holds(_sum_to_one, ask, pixels):
        _warn(model)
        return Head(of_probabilities)
    if seen.opaque and _within(outputs) and _holds(_within, ask, pixels):
        _refuse_sigmoids(outputs, model)
    return LOGITS


def _holds(says: Callable[[Tensor], bool], ask: Callable[[Tensor], Tensor], pixels: Tensor) -> bool:
    """Whether something holds for the outputs for noise, inside [0, 1] and far outside of it. What
    overflows there says nothing, nor do outputs that are always the same, or always 0 or 1 as those
    of a network that gives its decision."""
    soft, differs, first_row = False, False, None
    drawn = torch.rand(ROWS, *pixels.shape[1:], generator=generator("probe")).to(pixels)
    for noise in (drawn, (drawn - 0.5) * WIDE):
        for first in range(0, ROWS, len(pixels)):
            part = noise[first : first + len(pixels)]
            fill = part[-1:].expand(len(pixels) - len(part), *part.shape[1:])
            try:
                outputs = ask(torch.cat([part, fill]))
            except (RuntimeError, ValueError, AssertionError):  # it refuses what is no picture
                continue
            outputs = outputs.reshape(len(pixels), -1)
            outputs = outputs[outputs.isfinite().all(1)]
            if not says(outputs):
                return False
            if len(outputs):
                first_row = outputs[:1] if first_row is None else first_row
                differs = differs or bool((outputs != first_row).any())
                soft = soft or bool(((outputs > 0) & (outputs < 1)).any())
    return soft and differs


def _within(outputs: Tensor) -> bool:
    return bool(((outputs >= 0) & (outputs <= 1 + SLACK)).all())


def _sum_to_one(outputs: Tensor) -> bool:
    return _within(outputs) and bool(((outputs.float().sum(1) - 1).abs() < SUM).all())


def _refuse_sigmoids(outputs: Tensor, model: str) -> NoReturn:
    raise PasunchatError(
        f"{model} gives {outputs.shape[1]} probabilities that do not depend on each other "
        "(sigmoids), so a photo may be of several classes or of none; expected one class a photo: "
        "end the network in a softmax, or in the numbers that go into the sigmoids, if the largest "
        "is to win"
    )


def _warn(model: str) -> None:
    warnings.warn(
        f"{model} gives probabilities; their logarithms are taken as logits, which lose the "
        "gradient where it is so sure that they are rounded to 0 or 1: better leave its softmax or "
        "sigmoid out",
        PasunchatWarning,
        stacklevel=2,
    )


@dataclass(frozen=True)
class Seen:
    """A network's outputs, and how they came about."""

    outputs: Tensor  # [N, C] or [N]
    before: Tensor  # what went into their ending; the outputs themselves without one
    ending: Ending | None
    opaque: bool  # it is not seen what they come from


class _Traced(NamedTuple):
    """How a tensor came about."""

    tensor: Tensor
    before: Tensor  # what went into the ending; the tensor itself without one
    ending: Ending | None  # None: something else


ENDINGS: dict[str, Ending] = {
    "softmax": "softmax",
    "_softmax": "softmax",
    "sigmoid": "sigmoid",
    "logsigmoid": "log_sigmoid",
    "log_sigmoid": "log_sigmoid",
    "tanh": "tanh",
}
WEIGHTED = ("linear", "addmm", "matmul", "__matmul__", "conv2d", "convolution")
ARITHMETIC = ("add", "__radd__", "sub", "__rsub__", "mul", "__rmul__", "div", "neg")
SHAPES = (
    *("squeeze", "unsqueeze", "flatten", "view", "reshape", "__getitem__", "select", "contiguous"),
    *("clone", "to", "float", "double", "half", "_to_copy"),
)
CLAMPS = ("clamp", "clamp_min", "clamp_max", "clip")


class _Endings(TorchFunctionMode):
    """Notes which softmax, sigmoid or tanh, or which weights, a small tensor comes from: as it is,
    reshaped or clamped. It sees what Python calls, not the inside of TorchScript."""

    def __init__(self) -> None:
        super().__init__()
        self.traced: dict[int, _Traced] = {}  # the tensor is held, so its id is too

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if isinstance(out, Tensor) and out.shape[2:].numel() == 1:
            in_place = any(out is each for each in args)
            known = None if in_place else self._traced(func, args, kwargs, out)
            self.traced[id(out)] = known or _Traced(out, out, None)
        return out

    def of(self, outputs: Tensor) -> _Traced:
        """How the outputs came about."""
        return self.traced.get(id(outputs), _Traced(outputs, outputs, None))

    def _traced(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        out: Tensor,
    ) -> _Traced | None:
        """How a result came about; None where that says nothing."""
        name = getattr(func, "__name__", "").partition(".")[0]
        tensors = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)]
        if not tensors:
            return None
        source = self.of(tensors[0])
        if name in ENDINGS:
            over = kwargs.get("dim", args[1] if len(args) > 1 else None)
            fits = ENDINGS[name] != "softmax" or _over_classes(over, out)
            return _Traced(out, tensors[0], ENDINGS[name]) if fits else None
        if name in SHAPES and source.ending is not None and args and args[0] is tensors[0]:
            whole = out.numel() == source.tensor.numel()
            if not whole and source.ending == "softmax":
                return None
            return _Traced(out, func(source.before, *args[1:], **kwargs), source.ending)
        if name in CLAMPS and source.ending != "unbounded":
            return source._replace(tensor=out)
        return _Traced(out, out, "unbounded") if self._is_unbounded(name, tensors) else None

    def _is_unbounded(self, name: str, tensors: list[Tensor]) -> bool:
        """Whether a result can be any number: a sum by fixed weights, or made of one by
        arithmetic."""
        if name in WEIGHTED:
            return any(isinstance(tensor, nn.Parameter) for tensor in tensors)
        if name in ARITHMETIC:
            return any(self.of(tensor).ending == "unbounded" for tensor in tensors)
        return name == "log_softmax"


def _over_classes(dim: int | None, out: Tensor) -> bool:
    """Whether a softmax over this dimension is one over the classes of each row."""
    own = min(1, out.ndim - 1)
    return dim is None or dim % out.ndim == own
