"""One unit of one layer: the numbers it was given, its weights, their products, and their sum."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pasunchat.classifiers.load import Model
from pasunchat.errors import PasunchatError
from pasunchat.explain.chains import Chain
from pasunchat.explain.fields import POOLS, kernel_of
from pasunchat.explain.forward_pass import ForwardPass, Image, forward_pass
from pasunchat.explain.layers import chain_named

MOST_TERMS = 12  # of a layer behind the first, by the size of their products


@dataclass(frozen=True)
class Term:
    """A number that a unit was given, times a weight."""

    map: int  # of the layer before; in the first layer the colour: 0 red, 1 green, 2 blue
    dy: int  # row of the kernel, from 0
    dx: int  # column of the kernel, from 0
    value: float  # what the layer was given there; 0 outside of the picture or the maps
    weight: float  # with the batch norm behind the layer folded in
    product: float  # value * weight


@dataclass(frozen=True)
class Unit:
    """A unit's arithmetic: sum + bias goes into the activation, and `value` comes out.

    sum = the products of `terms` + rest.
    """

    terms: tuple[Term, ...]
    rest: float  # the sum of the products that are not among the terms; 0 where all are
    sum: float  # of all products
    bias: float  # with the batch norm folded in
    value: float  # of the unit, after activation and pooling, as in `layer_maps`
    of: tuple[int, int]  # row and column, before pooling, of the sum shown: the largest pooled
    sees: tuple[int, int, int]  # left, top, size of the square of pixels; the whole if not known


def unit(
    classifier: Model, image: Image | ForwardPass, layer: str, map: int, y: int, x: int
) -> Unit:
    """The unit (y, x) of one of a layer's maps, taken apart.

    image: as for `layer_maps`; a `forward_pass` makes many questions cheap. Of the pooled places
    the largest is shown; where poolings average, `value` is their mean. All terms of the first
    layer and of a depthwise one, in the order of the kernel; of any other the 12 with the largest
    products, the largest first. In a dense layer `map` is the output, y and x are 0, and a term's
    map is the number of the input. Raises PasunchatError where there is no such unit.
    """
    seen = forward_pass(classifier, image)
    chain = chain_named(seen, layer)
    maps = chain.maps(seen)
    if not all(0 <= at < side for at, side in zip((map, y, x), maps.shape, strict=True)):
        raise PasunchatError(
            f"{layer} has {len(maps)} maps of {maps.shape[1]} x {maps.shape[2]} units, counted "
            f"from 0; there is no unit ({y}, {x}) of map {map}"
        )
    of = _before_pooling(seen, chain, map, y, x)
    values = _given(seen, chain, map, of)
    scale, shift = chain.folded()
    weights = scale[map] * chain.weight[map].detach().double().cpu().reshape(values.shape)
    products = values * weights
    shown = _places(chain, products)
    total = float(products.sum())
    terms = tuple(
        Term(
            map=_colour_or_map(seen, chain, map, place[0]),
            dy=place[1],
            dx=place[2],
            value=float(values[place]),
            weight=float(weights[place]),
            product=float(products[place]),
        )
        for place in shown
    )
    height, width = seen.pixels.shape[2:]
    field = chain.place.field if chain.place else None
    return Unit(
        terms=terms,
        rest=0.0 if len(shown) == products.numel() else total - sum(t.product for t in terms),
        sum=total,
        bias=float(shift[map]),
        value=float(maps[map, y, x]),
        of=of,
        sees=field.at(y, x) if field else (0, 0, max(height, width)),
    )


def _before_pooling(seen: ForwardPass, chain: Chain, map: int, y: int, x: int) -> tuple[int, int]:
    """Back through the poolings: at each, the place of the largest that was pooled."""
    if chain.kind == "dense":
        return 0, 0
    for step in reversed(chain.after):
        if step.operation not in POOLS:
            continue
        before = seen.values[step.inputs[0]][0, map]
        (tall, down, above, apart), (wide, right, left, beside) = kernel_of(step)
        inside = [
            (row, column)
            for row in range(y * down - above, y * down - above + tall * apart, apart)
            for column in range(x * right - left, x * right - left + wide * beside, beside)
            if 0 <= row < before.shape[0] and 0 <= column < before.shape[1]
        ]
        y, x = max(inside, key=lambda place: float(before[place]))
    return y, x


def _given(seen: ForwardPass, chain: Chain, map: int, of: tuple[int, int]) -> Tensor:
    """The numbers that the unit was given, float64 [inputs, rows, columns] of its kernel."""
    value = seen.values[chain.given]
    if chain.kind == "dense":
        return value.double().cpu().reshape(-1, value.shape[-1])[0].reshape(-1, 1, 1)
    (tall, down, above, apart), (wide, right, left, beside) = kernel_of(chain.layer)
    first = _first_input(chain, map)
    own = value[0, first : first + chain.weight.shape[1]].double().cpu()
    padded = functional.pad(own, (left, left, above, above))
    rows = torch.arange(tall) * apart + of[0] * down
    columns = torch.arange(wide) * beside + of[1] * right
    return padded[:, rows][:, :, columns]


def _first_input(chain: Chain, map: int) -> int:
    """The first of the maps that a map is made of: of its group's."""
    if chain.kind == "dense":
        return 0
    each = len(chain.weight) // int(chain.layer.arguments[8])
    return map // each * chain.weight.shape[1]


def _places(chain: Chain, products: Tensor) -> list[tuple[int, int, int]]:
    """Which terms are shown, by their places in the kernel."""
    order = list(range(products.numel()))
    if not _sees_pixels(chain) and chain.kind != "depthwise" and len(order) > MOST_TERMS:
        order = products.abs().flatten().topk(MOST_TERMS).indices.tolist()
    each = torch.unravel_index(torch.tensor(order), products.shape)
    return [(int(c), int(row), int(column)) for c, row, column in zip(*each, strict=True)]


def _sees_pixels(chain: Chain) -> bool:
    """Whether no layer stands between it and the picture."""
    field = chain.given_place.field if chain.given_place else None
    return field is not None and field.size == 1


def _colour_or_map(seen: ForwardPass, chain: Chain, map: int, channel: int) -> int:
    adapter = seen.classifier.adapter
    if _sees_pixels(chain) and adapter is not None and adapter.channels == "BGR":
        return 2 - channel
    return _first_input(chain, map) + channel
