"""Chain: a layer, and what its result alone goes through: batch norm, activation and pooling, up to
what the next layer is given."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pasunchat.explain.fields import POOLS, Field, Place, places
from pasunchat.explain.forward_pass import ForwardPass, Step, Value

Kind = Literal["conv", "depthwise", "dense"]
MOVES = ("permute", "transpose", "clone", "to_copy", "alias", "detach")  # change no number
NORMS = ("native_batch_norm", "native_batch_norm_legit_no_training", "cudnn_batch_norm")


@dataclass(frozen=True)
class Chain:
    """One layer as it ran, and the steps behind it that only it goes through."""

    name: str  # dotted, of its module; with a number where a module ran several times
    kind: Kind
    layer: Step
    after: tuple[Step, ...]
    weight: Tensor  # [outputs, inputs / groups, rows, columns]; of a dense layer [outputs, inputs]
    parameters: int  # its own, and those of what follows it
    given: int  # the value that it was given
    made: int  # the value behind its last step
    given_place: Place | None
    place: Place | None

    def maps(self, seen: ForwardPass) -> Tensor:
        """What the next layer is given, float32 [C, H, W]; of a dense layer [C, 1, 1]."""
        return self.as_maps(seen.values[self.made])

    def as_maps(self, value: Tensor) -> Tensor:
        """A value in the order of axes of `made`, of one picture, as [C, H, W]."""
        maps = self.place.maps(value) if self.place else value.reshape(-1, 1, 1)
        return maps.detach().float().cpu()

    def unpooled(self, seen: ForwardPass) -> Tensor:
        """As `maps`, with each pooling left out."""
        number = self.layer.outputs[0]
        value = seen.values[number]
        for step in self.after:
            if step.operation not in POOLS:
                value = step.again(_always(value))[0]
        return self.as_maps(value)

    def unpooled_field(self, found: Mapping[int, Place]) -> Field | None:
        """Which pixels a unit of `unpooled` sees."""
        place = found.get(self.layer.outputs[0])
        return place.field if place else None

    def folded(self) -> tuple[Tensor, Tensor]:
        """(scale, shift), float64 [outputs]: what the layer and the linear steps behind it make of
        its sum of products is scale * sum + shift, before anything bends it."""
        outputs = len(self.weight)
        scale = torch.ones(outputs, dtype=torch.float64)
        shift = torch.zeros(outputs, dtype=torch.float64)
        bias = self.layer.arguments[2 if self.layer.operation == "convolution" else 0]
        if isinstance(bias, Tensor):
            shift += bias.detach().double().cpu().reshape(-1)
        for step in self.linear():
            a, b = _scale_and_shift(step, outputs)
            scale, shift = a * scale, a * shift + b
        return scale, shift

    def linear(self) -> tuple[Step, ...]:
        """The steps behind the layer that multiply each channel and add to it, up to the first that
        does something else."""
        found: list[Step] = []
        for step in self.after:
            if step.operation in MOVES:
                continue
            if not _is_linear(step, len(self.weight)):
                break
            found.append(step)
        return tuple(found)


def chains(seen: ForwardPass) -> tuple[Chain, ...]:
    """Every convolution over maps and every dense layer with weights of its own, in the order in
    which they ran."""
    found = places(seen)
    readers: dict[int, list[Step]] = defaultdict(list)
    for step in seen.steps:
        for number in step.inputs:
            readers[number].append(step)
    names: dict[str, int] = defaultdict(int)
    made = []
    for step in seen.steps:
        weight = _weight(step)
        if weight is None:
            continue
        kind = _kind(step, weight)
        after = _after(step, kind, seen, found, readers)
        end = after[-1].outputs[0] if after else step.outputs[0]
        given = _given(step)
        made.append(
            Chain(
                name=_name(step, kind, names),
                kind=kind,
                layer=step,
                after=after,
                weight=weight,
                parameters=_parameters((step, *after)),
                given=given,
                made=end,
                given_place=found.get(given),
                place=found.get(end) if kind != "dense" else None,
            )
        )
    return tuple(made)


def _name(step: Step, kind: Kind, names: dict[str, int]) -> str:
    """Its module's; a network that is not made of modules has numbered layers."""
    name = step.module or f"{kind}{1 + sum(n.startswith(kind) for n in names)}"
    names[name] += 1
    return name if names[name] == 1 else f"{name}:{names[name]}"


def _given(step: Step) -> int:
    value = step.arguments[0 if step.operation != "addmm" else 1]
    assert isinstance(value, Value)
    return value.number


def _weight(step: Step) -> Tensor | None:
    """The weights of a layer; None where the step is none."""
    given = step.arguments
    if step.operation == "convolution":
        weight, transposed = given[1], given[6]
        fits = isinstance(weight, Tensor) and weight.ndim == 4 and not transposed
        return weight if fits and isinstance(given[0], Value) else None
    if step.operation in ("addmm", "mm"):
        factors = given[1:3] if step.operation == "addmm" else given[:2]
        fits = isinstance(factors[0], Value) and isinstance(factors[1], Tensor)
        return factors[1].t() if fits else None
    return None


def _kind(step: Step, weight: Tensor) -> Kind:
    if step.operation != "convolution":
        return "dense"
    groups = int(step.arguments[8])
    return "depthwise" if groups > 1 and weight.shape[1] == 1 else "conv"


def _after(
    step: Step,
    kind: Kind,
    seen: ForwardPass,
    found: Mapping[int, Place],
    readers: Mapping[int, list[Step]],
) -> tuple[Step, ...]:
    """The steps behind a layer that its result goes through alone."""
    after: list[Step] = []
    number = step.outputs[0]
    while len(readers[number]) == 1:
        (reader,) = readers[number]
        if number not in reader.inputs or not _follows(reader, kind, seen, found):
            break
        after.append(reader)
        number = reader.outputs[0]
    return tuple(after)


def _follows(step: Step, kind: Kind, seen: ForwardPass, found: Mapping[int, Place]) -> bool:
    """Whether a step belongs to the layer before it: it changes each number by itself, or pools."""
    if len(step.inputs) != 1 or not step.outputs:
        return False
    before, after = seen.values[step.inputs[0]], seen.values[step.outputs[0]]
    if kind == "dense":
        return step.pointwise and before.shape == after.shape
    if step.outputs[0] not in found:
        return False
    if step.operation in POOLS:
        return after.shape[2:].numel() > 1
    return step.pointwise or step.operation in (*NORMS, *MOVES)


def _is_linear(step: Step, outputs: int) -> bool:
    """Whether a step multiplies and adds one number a channel."""
    if step.operation in NORMS:
        return not step.arguments[5]  # by its statistics, not by those of the picture
    if step.operation not in ("add", "sub", "mul", "div"):
        return False
    first, second = step.arguments[:2]
    if not isinstance(first, Value) and step.operation != "add" and step.operation != "mul":
        return False
    constant = second if isinstance(first, Value) else first
    size = constant.numel() if isinstance(constant, Tensor) else 1
    whole = not isinstance(constant, Tensor) or size in (1, *constant.shape)
    return whole and size in (1, outputs)


def _scale_and_shift(step: Step, outputs: int) -> tuple[Tensor, Tensor]:
    """(a, b), float64 [outputs]: a linear step makes a * x + b of x."""
    if step.operation in NORMS:
        _, weight, bias, mean, variance, *_, epsilon = step.arguments
        a = (_constant(variance, outputs) + epsilon).rsqrt()
        a = a * _constant(weight, outputs) if weight is not None else a
        b = -_constant(mean, outputs) * a
        return a, b + _constant(bias, outputs) if bias is not None else b
    first, second = step.arguments[:2]
    value = _constant(second if isinstance(first, Value) else first, outputs)
    one, none = torch.ones_like(value), torch.zeros_like(value)
    value = value * step.settings.get("alpha", 1)
    return {
        "add": (one, value),
        "sub": (one, -value),
        "mul": (value, none),
        "div": (one / value, none),
    }[step.operation]


def _constant(value: Tensor | float, outputs: int) -> Tensor:
    return torch.as_tensor(value).detach().double().cpu().reshape(-1).expand(outputs)


def _parameters(steps: tuple[Step, ...]) -> int:
    """How many numbers of theirs are trained: weights and biases, no statistics."""
    count = 0
    for step in steps:
        given = step.arguments[:3] if step.operation in NORMS else step.arguments
        constants = [each for each in given if isinstance(each, Tensor)]
        count += sum(each.numel() for each in constants if each.is_floating_point())
    return count


def _always(value: Tensor) -> Callable[[int], Tensor]:
    return lambda _: value
