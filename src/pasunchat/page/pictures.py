"""Pictures that the page's script reads numbers from."""

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def atlas(maps: NDArray[np.float32]) -> Image:
    """Maps [K, H, W] side by side as grey [H, K * W]: a value is the top of its map times grey /
    255. What is below 0 is drawn as 0."""
    top = tops(maps)
    scale = 255 / np.where(top > 0, top, 1)
    grey = np.rint(maps.clip(min=0) * scale[:, None, None]).astype(np.uint8)
    return np.hstack(list(grey))


def tops(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest value of each of the maps [K, H, W], at least 0: [K]."""
    found: NDArray[np.float32] = maps.max((1, 2)).clip(min=0)
    return found
