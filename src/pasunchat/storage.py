"""Whole-or-nothing writes, digests, JSON facts, and where the cache lives."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pasunchat.errors import PasunchatError

T = TypeVar("T")
RUNS = Path("runs")  # where runs lie, beside what is worked on
RECIPE = "recipe.json"  # the first file of a run: it tells one from another folder


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; it becomes `path` at the end, or nothing does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part{os.getpid()}{path.suffix}")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty folder to fill; it becomes `path` at the end, or nothing does.

    Raises PasunchatError if `path` exists and `overwrite` is false.
    """
    refuse_existing(path, overwrite=overwrite)
    part = path.with_name(f".{path.name}.part{os.getpid()}")
    part.mkdir(parents=True)
    try:
        yield part
        put_in_place(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def put_in_place(part: Path, path: Path) -> None:
    """Rename the finished folder `part` to `path`, instead of what was there."""
    old = path.with_name(f".{path.name}.old{os.getpid()}")
    if path.exists():
        path.rename(old)
    part.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise PasunchatError if something is at `path` and it may not be replaced."""
    if path.exists() and not overwrite:
        raise PasunchatError(
            f"{path} exists already; choose another place, or replace it with --overwrite"
        )


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with whole_file(path) as part:
        part.write_bytes(data)


def readable(path: str | Path) -> str:
    r"""A path as text that any file can hold: bytes that are no UTF-8 become \xe9."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def shortened(text: str, most: int) -> str:
    """The end of a text, at most so many bytes of UTF-8, by whole characters."""
    return text.encode()[-most:].decode(errors="ignore")


def to_json(value: Any) -> bytes:
    """JSON of a dataclass (or plain data), indented, ending in a line break. Raises PasunchatError
    for a text that is no Unicode, as the name of a folder may be."""
    try:
        return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
    except UnicodeEncodeError as error:
        raise PasunchatError(
            f"{readable(error.object)} is no name in UTF-8 and cannot be recorded; rename it"
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Write a dataclass as JSON, whole or not at all."""
    write_bytes(path, to_json(value))


def from_json(data: bytes | str, kind: type[T], origin: str) -> T:
    """Read `kind` from JSON. Raises PasunchatError naming `origin` and the wrong field."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PasunchatError(f"{origin} is damaged or not ours: {error}") from error


def read_json(path: Path, kind: type[T]) -> T:
    """Read a file written by `write_json`. Raises PasunchatError naming file and field."""
    return from_json(path.read_bytes(), kind, str(path))


def sha256(*parts: bytes | str) -> str:
    """Hexadecimal SHA-256 of the parts, each counted with its length."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()


def cache_folder() -> Path:
    """Where prepared data is kept: $PASUNCHAT_HOME, else the user's cache folder."""
    home = os.environ.get("PASUNCHAT_HOME")
    if home:
        return Path(home)
    import platformdirs

    return Path(platformdirs.user_cache_dir("pasunchat"))
