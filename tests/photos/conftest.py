"""Small photos made on the spot, and the odd files where they are at hand."""

import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def jpeg(seed: int, size: tuple[int, int] = (24, 18)) -> bytes:
    """A JPEG of its own for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize(size).save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.fixture(scope="session")
def make_jpeg() -> Callable[..., bytes]:
    return jpeg


@pytest.fixture(scope="session")
def fill() -> Callable[..., Path]:
    """Write photos of their own under `folder`: one for each name."""

    def filled(folder: Path, names: Sequence[str]) -> Path:
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg(zlib.crc32(name.encode())))
        return folder

    return filled


@pytest.fixture
def photos(tmp_path: Path, fill: Callable[..., Path]) -> Path:
    """A folder of 20 cats and 20 dogs."""
    names = [f"{kind}/{index}.jpg" for kind in ("cat", "dog") for index in range(20)]
    return fill(tmp_path / "photos", names)


@pytest.fixture(scope="session")
def odd_files() -> Iterator[zipfile.ZipFile]:
    folder = os.environ.get("PASUNCHAT_PHOTOS")
    if not folder:
        pytest.skip("no real photos: PASUNCHAT_PHOTOS names no folder")
    with zipfile.ZipFile(Path(folder) / "odd-files.zip") as archive:
        yield archive
