"""An unfinished dataset: a hidden folder that a killed job leaves and the next one goes on in.

`dataset/pixels.npy` grows row by row; `rows.jsonl` says, after each, what the row is.
"""

import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from pasunchat.errors import PasunchatError
from pasunchat.storage import sha256


@dataclass(frozen=True)
class Row:
    """What came of one file."""

    sha256: str = ""  # of the file, hexadecimal
    pixels_sha256: str = ""  # of its pixels, uint8 [size, size, 3]
    width: int = 0  # of the whole photo, upright, in pixels
    height: int = 0
    bytes: int = 0  # length of the file
    reason: str = ""  # why it gave no pixels, as counted; empty where it gave some
    sentence: str = ""  # the same in words


def one_at_a_time(output: Path) -> FileLock:
    """A lock that one process of this user holds for `output`; the others wait for it.

    Its file lies in the folder for temporary files, where nobody minds that it stays.
    """
    user = getattr(os, "getuid", int)()
    name = f"pasunchat-{user}-{sha256(str(output.resolve()))[:16]}.lock"
    return FileLock(Path(tempfile.gettempdir()) / name)


@contextmanager
def partial_folder(output: Path, key: str) -> Iterator[Path]:
    """The hidden folder beside `output` for the job `key`. Hold `one_at_a_time` around it.

    It goes when the job ends or is refused, and stays when the job is killed or the disk is full.
    Folders that other jobs on `output` left behind are removed.
    """
    stem = f".{output.name}.part-"
    folder = output.with_name(stem + key[:16])
    output.parent.mkdir(parents=True, exist_ok=True)
    for other in output.parent.iterdir():
        if other.name.startswith(stem) and other != folder:
            shutil.rmtree(other, ignore_errors=True)
    (folder / "dataset").mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except PasunchatError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


class PartialDataset:
    """The rows in a partial folder: those that are finished, and a way to append the next ones.

    Plain appending writes: three times as fast as writing through a memory map.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.shape = (size, size, 3)
        self.pixels_path = folder / "dataset" / "pixels.npy"
        self.rows_path = folder / "rows.jsonl"
        if not self.pixels_path.exists():
            self.rows_path.unlink(missing_ok=True)
            self.pixels_path.write_bytes(self._header(0))
        self.rows_path.touch()
        self.rows = self._finished()

    @contextmanager
    def appending(self) -> Iterator[Callable[[Row, NDArray[np.uint8] | None], None]]:
        """Yield what appends the next row; at the end the NumPy file is whole and on the disk."""
        with self.pixels_path.open("r+b") as pixels_file, self.rows_path.open("ab") as log:
            pixels_file.seek(0, os.SEEK_END)

            def append(row: Row, pixels: NDArray[np.uint8] | None) -> None:
                if pixels is not None:
                    pixels_file.write(pixels.data)
                    pixels_file.flush()  # before the row that tells of them
                log.write(msgspec.json.encode(row) + b"\n")
                log.flush()
                self.rows.append(row)

            yield append
            pixels_file.seek(0)
            pixels_file.write(self._header(sum(not row.reason for row in self.rows)))
            pixels_file.flush()
            os.fsync(pixels_file.fileno())

    def _header(self, count: int) -> bytes:
        """The .npy header; NumPy pads it so that its length is the same for every count."""
        header = io.BytesIO()
        facts = {"descr": "|u1", "fortran_order": False, "shape": (count, *self.shape)}
        np.lib.format.write_array_header_1_0(header, facts)
        return header.getvalue()

    def _finished(self) -> list[Row]:
        """The rows that are whole on the disk; what comes after them is cut off."""
        rows: list[Row] = []
        kept_rows, kept_pixels = 0, len(self._header(0))
        length = int(np.prod(self.shape))
        with self.rows_path.open("rb") as log, self.pixels_path.open("rb") as pixels:
            pixels.seek(kept_pixels)
            for line in log:
                row = _row(line)
                if row is None:
                    break
                data = b"" if row.reason else pixels.read(length)
                if not row.reason and hashlib.sha256(data).hexdigest() != row.pixels_sha256:
                    break
                rows.append(row)
                kept_rows += len(line)
                kept_pixels += len(data)
        os.truncate(self.rows_path, kept_rows)
        os.truncate(self.pixels_path, kept_pixels)
        return rows


def _row(line: bytes) -> Row | None:
    try:
        return msgspec.json.decode(line, type=Row) if line.endswith(b"\n") else None
    except msgspec.DecodeError:
        return None
