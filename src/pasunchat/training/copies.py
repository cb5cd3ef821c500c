"""Augmented copies of the training photos, kept on disk and shown again.

Augmenting a photo costs more than a step of a small network. A copy is made when it is first shown;
what it looks like is a function of the seed, the photo and which copy it is, so that the file is
only a saving: without it, or after a kill, the same pixels are made again.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pasunchat.classifiers.classifier import as_pixels

ROOM = 2  # times what the copies take must be free on the disk


class Copies:
    """So many copies of N photos of `size` pixels: uint8 [copies, N, size, size, 3], in a file
    without a name that goes away with the process.

    turns: passes through the photos in all. A copy that is not shown again is not kept, nor one for
    which the disk has no room.
    """

    def __init__(
        self, copies: int, turns: int, photos: int, size: int, folder: Path | None = None
    ) -> None:
        each = photos * size * size * 3
        free = shutil.disk_usage(folder or tempfile.gettempdir()).free
        kept = max(0, min(copies, turns - copies, free // (ROOM * each)))
        self.copies, self.size = copies, size
        self.made = np.zeros((kept, photos), bool)
        if not kept:
            return
        shape = (kept, photos, size, size, 3)
        with tempfile.TemporaryFile(dir=folder) as file:  # mapped, it outlives its closing
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, kept * each)
            self.images = np.memmap(file, np.uint8, "w+", shape=shape)

    def pixels(
        self, turn: int, rows: NDArray[np.int64], make: Callable[[int], Tensor], device: str
    ) -> Tensor:
        """Pixels [M, 3, size, size] of the copy that is due in pass `turn`, of M of the photos.

        make: a copy's number -> the photos augmented for it, float [M, 3, size, size] in [0, 1].
        They are rounded to 8 bits, whether they are kept or not.
        """
        copy = turn % self.copies
        if copy < len(self.made) and self.made[copy, rows].all():
            return as_pixels(self.images[copy, rows], device)
        levels = make(copy).mul(255).round_().to(torch.uint8)
        images = levels.permute(0, 2, 3, 1).cpu().numpy()
        if copy < len(self.made):
            self.images[copy, rows], self.made[copy, rows] = images, True
        return as_pixels(images, device)
