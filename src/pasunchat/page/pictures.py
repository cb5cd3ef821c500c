"""Pictures that the page's script reads numbers from."""

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def atlas(maps: NDArray[np.float32]) -> tuple[Image, list[float]]:
    """Maps [K, H, W] side by side as grey [H, K * W], and the largest value of each: a value is
    that largest times its grey / 255. What is below 0 is drawn as 0."""
    top = maps.max((1, 2)).clip(min=0)
    scale = 255 / np.where(top > 0, top, 1)
    grey = np.rint(maps.clip(min=0) * scale[:, None, None]).astype(np.uint8)
    return np.hstack(list(grey)), [float(each) for each in top]
