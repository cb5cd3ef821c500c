"""How far the values of a picture have moved from those of its photo."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pasunchat.fooled.receipt import distances


@dataclass(frozen=True)
class Change:
    """A change, in levels of 255 but for `l2`."""

    largest: int
    values: int  # how many changed
    pixels: int  # how many changed
    total: int  # values there are
    typical: float  # root mean square of all values
    l2: float  # pixels in [0, 1]
    counts: tuple[int, ...]  # values that moved by so many levels, from 0 on

    @property
    def still(self) -> int:
        """Values that did not change."""
        return self.counts[0]


def change_of(photo: NDArray[np.uint8], picture: NDArray[np.uint8]) -> Change:
    """How large the change is between two pictures, uint8 [H, W, 3]."""
    moved = np.abs(picture.astype(np.int64) - photo.astype(np.int64))
    l2, largest = distances(photo, picture)
    counts = np.bincount(moved.ravel())
    return Change(
        largest=largest,
        values=int(moved.size - counts[0]),
        pixels=int(moved.any(2).sum()),
        total=moved.size,
        typical=typical(photo, picture),
        l2=l2,
        counts=tuple(counts.tolist()),
    )


def typical(photo: NDArray[np.uint8], picture: NDArray[np.uint8]) -> float:
    """The root mean square of a change over all values, in levels of 255."""
    change = picture.astype(np.float64) - photo
    return float(np.sqrt((change**2).mean()))
