"""Why a photo was fooled: the pushes of its change, and what it does to the layers; beside random
noise of the same size."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.explain.forward_pass import forward_pass
from pasunchat.explain.growth import growth
from pasunchat.explain.layers import LayerMaps, layer_maps, layers_of
from pasunchat.explain.pushes import Pushes, pushes
from pasunchat.pictures.row import gain_of

Image = NDArray[np.uint8]

MAPS, ACROSS, SIDE = 8, 4, 64  # maps of a layer, in a row, and the largest side of one, in pixels


@dataclass(frozen=True)
class Why:
    """What the changed values did for the lead of the goal's class, and random noise as large."""

    found: Pushes
    random: Pushes


@dataclass(frozen=True)
class LayerPictures:
    """What a layer makes of a photo, and what changes there: MAPS maps beside each other, uint8
    [H, W]; 0 is nothing, 255 the largest value of a map of the photo or the picture, for what
    changes divided by `Layers.gain`."""

    name: str
    channels: int
    side: tuple[int, int]  # rows and columns of a map
    sees: int | None  # pixels along the side of the square that a unit sees
    photo: Image
    found: Image
    random: Image
    found_share: float  # L2 of the change as a share of that of the photo's maps, all of them
    random_share: float


@dataclass(frozen=True)
class Layers:
    """Some of a network's layers."""

    all: int  # layers of weights that it has
    with_maps: int  # of them
    shown: tuple[LayerPictures, ...]
    gain: int  # how many times stronger changes are drawn, the same in all layers
    found_share: float  # of the pixels: L2 of the change as a share of that of the photo
    random_share: float


def why_fooled(
    classifier: Classifier, photo: Image, picture: Image, random: Image, goal: int, seed: int
) -> Why | None:
    """The pushes of both; None where the classifier gives no gradient, or one that says nothing of
    what happens on the way. Images: uint8 [H, W, 3], as the classifier sees them."""
    try:
        found = pushes(classifier, photo, picture, goal, seed=seed)
        beside = pushes(classifier, photo, random, goal, found.other, seed=seed)
    except PasunchatError:
        return None
    return Why(found, beside) if found.complete else None


def layers_fooled(
    classifier: Classifier, photo: Image, picture: Image, random: Image
) -> Layers | None:
    """The layers that tell the story; None where none can be seen."""
    infos = layers_of(classifier)
    passes = [forward_pass(classifier, image) for image in (photo, picture, random)]
    maps = [layer_maps(classifier, each) for each in passes]
    found, beside = (growth(classifier, passes[0], each) for each in passes[1:])
    shares = [*zip(found[1:], beside[1:], strict=True)]
    usable = [k for k, (at, by) in enumerate(shares) if isfinite(at.share + by.share)]
    if not usable:
        return None
    chosen = [_Chosen.of([maps[kind][k] for kind in range(3)]) for k in usable]
    gain = gain_of((chosen[-1].found - chosen[-1].photo).double().numpy(), span=1)
    return Layers(
        all=len(infos),
        with_maps=sum(info.kind != "dense" for info in infos),
        shown=tuple(
            _pictures(maps[0][k], each, gain, (shares[k][0].share, shares[k][1].share))
            for k, each in zip(usable, chosen, strict=True)
        ),
        gain=gain,
        found_share=found[0].share,
        random_share=beside[0].share,
    )


@dataclass(frozen=True)
class _Chosen:
    """Some maps of a layer, [C, H, W], each as a share of its largest value."""

    photo: Tensor
    found: Tensor
    random: Tensor

    @classmethod
    def of(cls, layers: Sequence[LayerMaps]) -> Self:
        """layers: the same one for photo, picture and random noise."""
        chosen = _largest(layers[0])
        maps = [_small(each.maps[chosen]) for each in layers]
        top = torch.maximum(maps[0], maps[1]).amax((1, 2), keepdim=True).clamp_min(1e-12)
        return cls(*(each / top for each in maps))


def _pictures(
    layer: LayerMaps, maps: _Chosen, gain: int, shares: tuple[float, float]
) -> LayerPictures:
    changes = [gain * (each - maps.photo).abs() for each in (maps.found, maps.random)]
    photo, found, random = (_beside(each.clamp(0, 1)) for each in (maps.photo, *changes))
    return LayerPictures(
        name=layer.name,
        channels=len(layer.maps),
        side=(layer.maps.shape[1], layer.maps.shape[2]),
        sees=layer.field.size if layer.field else None,
        photo=photo,
        found=found,
        random=random,
        found_share=shares[0],
        random_share=shares[1],
    )


def _largest(layer: LayerMaps) -> list[int]:
    """Of the maps that a page shows, the MAPS of largest mean, in their order."""
    means = layer.maps[list(layer.shown)].mean((1, 2))
    places = means.topk(min(MAPS, len(means))).indices.tolist()
    return sorted(layer.shown[place] for place in places)


def _small(maps: Tensor) -> Tensor:
    """Maps [C, H, W], averaged down by a whole factor to at most SIDE."""
    times = -(-max(maps.shape[1:]) // SIDE)
    return (
        torch.nn.functional.avg_pool2d(maps[None], times, ceil_mode=True)[0] if times > 1 else maps
    )


def _beside(maps: Tensor) -> Image:
    """Maps in [0, 1], [C, H, W], in rows of ACROSS with paper between them: uint8 [H, W]."""
    count, height, width = maps.shape
    gap = max(1, width // 16)
    rows = -(-count // ACROSS)
    sheet = np.zeros((rows * (height + gap) - gap, ACROSS * (width + gap) - gap), np.uint8)
    for place, shades in enumerate((maps * 255).round().to(torch.uint8).numpy()):
        top, left = place // ACROSS * (height + gap), place % ACROSS * (width + gap)
        sheet[top : top + height, left : left + width] = shades
    return sheet
