"""Which files are meant by paths of files and folders, and by glob patterns.

What bears the name of a photo is meant even where it is none, as a broken link or a pipe: whoever
reads it says why.
"""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pasunchat.errors import PasunchatError

ENDINGS = [
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".webp",
    ".gif",
    ".bmp",
    ".tif",
    ".tiff",
    ".avif",
    ".heic",
    ".heif",
    ".ppm",
    ".pgm",
    ".pbm",
]


def photo_files(photos: Sequence[Path | str]) -> list[Path]:
    """Every file meant by paths of files and folders, and globs."""
    return [file for photo in photos for file in _files_of(str(photo))]


def _files_of(photo: str) -> list[Path]:
    path = Path(photo)
    if path.is_dir():
        found = sorted(_within(path))
        if not found:
            raise PasunchatError(f"{photo} holds no photo ({', '.join(ENDINGS[:5])}, ...)")
        return found
    if os.path.lexists(path):
        return [path]
    matches = map(Path, glob.glob(photo, recursive=True))  # noqa: PTH207 - patterns may be absolute
    found = sorted(match for match in matches if match.is_file() or _is_named_photo(match))
    if not found:
        raise PasunchatError(f"no photo at {photo}; expected a file, a folder or a pattern")
    return found


def _within(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if _is_named_photo(path) and not hidden:
            yield path


def _is_named_photo(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS
