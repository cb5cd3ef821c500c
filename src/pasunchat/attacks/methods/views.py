"""Views: changed copies of the pixels, over which an attack averages its gradient.

What raises the margin of resized, darkened or mixed copies too is more likely to fool other
networks. A gradient goes through each view back to the pixels; the pixels themselves are judged.
One more kind of view is one function and one row of VIEWS.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate, pad

from pasunchat.draws import draw_rows

SMALLEST_SIDE, CHANGED = 0.9, 0.5  # DIM: the smallest side, and the share of pictures it changes
SCALES = 5  # SIM, Admix: the pixels divided by 1, 2, 4, ...
MIXED, ADMIXTURE = 3, 0.2  # Admix: other photos for each, and how much of them is added
REPEATS = 10  # EOT

ViewsName = Literal["plain", "resized", "scaled", "mixed", "repeated"]


class Drawn(NamedTuple):
    """What a view may depend on beside the pixels."""

    keys: Tensor  # int64 [N], a seed for each row
    others: Tensor  # [N, M, 3, H, W]: other photos, for views that mix them in
    step: int
    view_index: int  # from 0


@dataclass(frozen=True)
class ViewsOf:
    """One way to look at pixels."""

    count: int  # number of views
    view: Callable[[Tensor, Drawn], Tensor]  # pixels [N, 3, H, W] -> the view, same shape
    others: int = 0  # M, how many other photos it wants for each row


def resized(pixels: Tensor, drawn: Drawn) -> Tensor:
    """Every second picture resized to a side of 90 to 100 %, and padded with black at random places
    (DIM: Xie et al. 2019, arXiv:1803.06978)."""
    height, width = pixels.shape[2:]
    chances = draw_rows(drawn.keys, lambda g: torch.rand(4, generator=g), "view", drawn.step)
    rows = []
    for row, (changed, size, top, left) in zip(
        torch.split(pixels, 1), chances.tolist(), strict=True
    ):
        share = SMALLEST_SIDE + (1 - SMALLEST_SIDE) * size
        high, wide = max(round(share * height), 1), max(round(share * width), 1)
        above, before = round(top * (height - high)), round(left * (width - wide))
        small = interpolate(row, (high, wide), mode="bilinear", align_corners=False)
        around = (before, width - wide - before, above, height - high - above)
        rows.append(pad(small, around) if changed < CHANGED else row)
    return torch.cat(rows)


def scaled(pixels: Tensor, drawn: Drawn) -> Tensor:
    """The pixels divided by 1, 2, 4, 8 and 16 (SIM: Lin et al. 2020, arXiv:1908.06281)."""
    return pixels / float(2**drawn.view_index)


def mixed(pixels: Tensor, drawn: Drawn) -> Tensor:
    """A share of another photo added, then scaled (Admix: Wang et al. 2021, arXiv:2102.00436)."""
    other, scale = divmod(drawn.view_index, SCALES)
    return (pixels + ADMIXTURE * drawn.others[:, other]) / float(2**scale)


def repeated(pixels: Tensor, drawn: Drawn) -> Tensor:
    """The same pixels several times, for classifiers that answer at random (EOT: Athalye et al.
    2018, arXiv:1802.00420)."""
    del drawn
    return pixels


VIEWS: Mapping[ViewsName, ViewsOf | None] = {
    "plain": None,
    "resized": ViewsOf(1, resized),
    "scaled": ViewsOf(SCALES, scaled),
    "mixed": ViewsOf(MIXED * SCALES, mixed, others=MIXED),
    "repeated": ViewsOf(REPEATS, repeated),
}


def draw_others(photos: Tensor, classes: Tensor, keys: Tensor, number: int) -> Tensor:
    """For each row some other photos, [N, number, 3, H, W]: of rows with another class in their
    goal where there are any, else any others, else the photo itself.

    photos: [N, 3, H, W]. classes, keys: int64 [N].
    """
    rows = torch.arange(len(photos))
    classes = classes.cpu()
    chosen = []
    for row, key in enumerate(keys.tolist()):
        pool = rows[classes != classes[row]]
        pool = pool if len(pool) else rows[rows != row]
        pool = pool if len(pool) else rows
        draw = torch.randint(len(pool), (number,), generator=Generator().manual_seed(key))
        chosen.append(pool[draw])
    return photos[torch.stack(chosen)]
