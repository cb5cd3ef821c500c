"""Adapter: what stands between pixels and a network made elsewhere, and how it is found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from pasunchat.classifiers.channels import Channels, Layout, in_channels, laid_out
from pasunchat.classifiers.heads import (
    LOGITS,
    Ending,
    Head,
    find_head,
    watched,
)
from pasunchat.errors import PasunchatError

Normalise = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Adapter:
    """Pixels in RGB become what a network takes, and its outputs logits."""

    channels: Channels = "RGB"
    layout: Layout = "NCHW"
    head: Head = LOGITS

    def inputs(self, pixels: Tensor, normalise: Normalise) -> Tensor:
        """What the network takes, of pixels, float [N, 3, H, W]; normalise is done in the network's
        channels."""
        return laid_out(normalise(in_channels(pixels, self.channels)), self.layout)


PLAIN_ADAPTER = Adapter()  # of networks that are ours


def adapter_for(
    ask: Callable[[Tensor, Adapter], Tensor],
    pixels: Tensor,
    model: str,
    *,
    among: Sequence[Adapter],
    ending: Ending | None = None,
) -> tuple[Adapter, int]:
    """The first adapter of some with which a network runs, with its head; and the number of
    classes.

    ask: (pixels, an adapter) -> outputs; without gradients, in evaluation mode. pixels: float
    [N, 3, H, W]. model, ending: as for `find_head`. Where it runs with none it raises what the
    first raised.
    """
    failed: list[Exception] = []
    for adapter in among:
        asked = partial(_asked, ask, adapter)
        try:
            seen = watched(partial(asked, pixels))
        except PasunchatError:  # it runs, and is no classifier
            raise
        except Exception as error:  # code of others, run for the first time
            failed.append(error)
            continue
        head = find_head(seen, asked, pixels, model, ending=ending)
        return replace(adapter, head=head), head.of(seen).shape[1]
    raise failed[0]


def _asked(ask: Callable[[Tensor, Adapter], Tensor], adapter: Adapter, pixels: Tensor) -> Tensor:
    return ask(pixels, adapter)


def adapters(
    channels: Channels | None,
    layout: Layout | None,
    shape: tuple[int, int],
    numbers: int,
    model: str,
) -> list[Adapter]:
    """The adapters to try: RGB, then one channel of grey, in an image or flat, unless it is stated.

    channels, layout: None where not stated. shape: height and width of the pictures. numbers: how
    many mean and std have; three are never for grey. Raises PasunchatError for grey with three.
    """
    if channels == "L" and numbers > 1:
        raise PasunchatError(
            f"{model} takes grey pictures of one channel, so mean and std are one number each; got "
            f"{numbers}"
        )
    height, width = shape
    of_grey: list[Layout] = ["NCHW", (height, width), (height * width,)]
    colours: list[Adapter] = (
        [] if channels == "L" else [Adapter(channels or "RGB", layout or "NCHW")]
    )
    if channels in ("RGB", "BGR") or numbers > 1:
        return colours
    return colours + [Adapter("L", each) for each in ([layout] if layout else of_grey)]
