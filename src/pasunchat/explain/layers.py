"""The layers of a network, and what each made of a picture."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pasunchat.classifiers.load import Model, as_classifier
from pasunchat.errors import PasunchatError
from pasunchat.explain.chains import Chain, Kind, chains
from pasunchat.explain.fields import Field, kernel_of, places
from pasunchat.explain.forward_pass import ForwardPass, Image, forward_pass

MOST_SHOWN = 16  # maps of a layer on a page
ANY_SIZE = 224  # the side that is looked at where a classifier takes any


@dataclass(frozen=True)
class LayerInfo:
    """A convolution or a dense layer."""

    name: str  # dotted, as in named_modules() of the network; ":2" for its second run
    kind: Kind
    kernel: tuple[int, int]  # rows, columns; of a dense layer (1, 1)
    stride: tuple[int, int]
    groups: int
    inputs: int  # channels, or numbers of a dense layer
    outputs: int
    parameters: int  # with those of the batch norm that follows it
    field: Field | None  # of one unit of its maps, as in `LayerMaps`


@dataclass(frozen=True)
class LayerMaps:
    """What one layer made of a picture."""

    name: str
    kind: Kind
    maps: Tensor  # float32 [C, H, W]: what the next layer is given
    shown: tuple[int, ...]  # the maps that a page shows: all up to 16, else those of largest mean
    field: Field | None  # of one unit of `maps`; None where it cannot be known
    parameters: int  # of the layer and of the batch norm that follows it


def layers_of(classifier: Model) -> tuple[LayerInfo, ...]:
    """Every convolution and dense layer, in the order in which they run.

    Found by running the network on one blank image; empty where nothing of the network is seen.
    What a layer's maps are, see `layer_maps`.
    """
    return tuple(_info(chain) for chain in chains(_blank(classifier)))


def shown_layers(classifier: Model, most: int = 6) -> tuple[str, ...]:
    """The convolutions whose maps tell the story: all where there are at most `most`; else the
    first, and the first at each new side of the maps, evenly left out where those are too many."""
    seen = _blank(classifier)
    found = _over_maps(seen)
    if len(found) <= most:
        return tuple(chain.name for chain in found)
    sides: dict[tuple[int, ...], str] = {}
    for chain in found:
        sides.setdefault(tuple(chain.maps(seen).shape[1:]), chain.name)
    names = [*sides.values()]
    if len(names) == 1:  # the side never changes
        names = [chain.name for chain in found]
    places_shown = np.linspace(0, len(names) - 1, min(most, len(names))).round().astype(int)
    return tuple(names[place] for place in places_shown)


def layer_maps(
    classifier: Model,
    image: Image | ForwardPass,
    names: tuple[str, ...] | None = None,
    *,
    pooled: bool = True,
) -> tuple[LayerMaps, ...]:
    """What layers made of a picture: the maps that the next layer is given, after batch norm,
    activation and pooling, as far as a layer's result goes through them alone.

    image: uint8 [H, W, 3] as the classifier sees it, or a `forward_pass`. names: of the layers, in
    the order wanted; None: `shown_layers`. pooled=False leaves poolings out. A classifier that
    also looks at the mirror image is seen at its first look. Empty where nothing of the network is
    seen. Raises PasunchatError for a name that is none.
    """
    seen = forward_pass(classifier, image)
    wanted = shown_layers(classifier) if names is None else names
    found = places(seen)
    made = []
    for chain in (chain_named(seen, name) for name in wanted):
        maps = chain.maps(seen) if pooled else chain.unpooled(seen)
        field = chain.place.field if chain.place else None
        made.append(
            LayerMaps(
                name=chain.name,
                kind=chain.kind,
                maps=maps.contiguous(),
                shown=_shown(maps),
                field=field if pooled else chain.unpooled_field(found),
                parameters=chain.parameters,
            )
        )
    return tuple(made)


def chain_named(seen: ForwardPass, name: str) -> Chain:
    """The layer of this name. Raises PasunchatError where there is none."""
    found = chains(seen)
    for chain in found:
        if chain.name == name:
            return chain
    names = ", ".join(chain.name for chain in found[:8]) or "none that can be seen"
    raise PasunchatError(f'no layer "{name}"; the layers of this network: {names}')


def _blank(classifier: Model) -> ForwardPass:
    classifier = as_classifier(classifier)
    side = classifier.size or ANY_SIZE
    return forward_pass(classifier, np.zeros((side, side, 3), np.uint8))


def _over_maps(seen: ForwardPass) -> list[Chain]:
    """The convolutions over maps of more than one position."""
    return [
        chain
        for chain in chains(seen)
        if chain.kind != "dense" and seen.values[chain.given].shape[2:].numel() > 1
    ]


def _shown(maps: Tensor) -> tuple[int, ...]:
    """Indexes in their order."""
    largest = maps.mean((1, 2)).topk(min(MOST_SHOWN, len(maps))).indices
    return tuple(sorted(int(index) for index in largest))


def _info(chain: Chain) -> LayerInfo:
    groups, kernel, stride = 1, (1, 1), (1, 1)
    if chain.kind != "dense":
        groups = int(chain.layer.arguments[8])
        rows, columns = kernel_of(chain.layer)
        kernel, stride = (rows[0], columns[0]), (rows[1], columns[1])
    return LayerInfo(
        name=chain.name,
        kind=chain.kind,
        kernel=kernel,
        stride=stride,
        groups=groups,
        inputs=chain.weight.shape[1] * groups,
        outputs=len(chain.weight),
        parameters=chain.parameters,
        field=chain.place.field if chain.place else None,
    )
