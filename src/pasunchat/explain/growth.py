"""Growth: how much of each layer's maps changes where a little of the picture does."""

from dataclasses import dataclass

from torch import Tensor

from pasunchat.classifiers.load import Model
from pasunchat.errors import PasunchatError
from pasunchat.explain.forward_pass import ForwardPass, Image, forward_pass
from pasunchat.explain.layers import layer_maps, shown_layers

PIXELS = "pixels"


@dataclass(frozen=True)
class Growth:
    """How much of what a layer gives on has changed."""

    layer: str  # "pixels" for what the network is given
    share: float  # L2 norm of the change over that of the photo's; infinite where that is 0


def growth(
    classifier: Model,
    photo: Image | ForwardPass,
    picture: Image | ForwardPass,
    names: tuple[str, ...] | None = None,
) -> tuple[Growth, ...]:
    """The relative change of the pixels, normalised as the network gets them, and of each layer's
    maps, from a photo to a picture made of it.

    photo, picture: as for `layer_maps`. names: of the layers; None: `shown_layers`. A share of
    0.02 of the pixels that becomes 0.3 of the last maps was built up layer by layer; noise of the
    same size that is not aimed stays small.
    """
    was, now = forward_pass(classifier, photo), forward_pass(classifier, picture)
    if was.pixels.shape != now.pixels.shape:
        raise PasunchatError(
            f"photo and picture: expected the same shape, got {list(was.pixels.shape[2:])} and "
            f"{list(now.pixels.shape[2:])}"
        )
    names = shown_layers(classifier) if names is None else names
    ask = was.classifier
    found = [Growth(PIXELS, _share(ask.normalised(was.pixels), ask.normalised(now.pixels)))]
    both = zip(layer_maps(ask, was, names), layer_maps(ask, now, names), strict=True)
    return (
        *found,
        *(Growth(before.name, _share(before.maps, after.maps)) for before, after in both),
    )


def _share(before: Tensor, after: Tensor) -> float:
    change, whole = float((after - before).double().norm()), float(before.double().norm())
    return change / whole if whole else float("inf") if change else 0.0
