"""Where photos come from: a folder, a zip, a zip in a zip, or photos drawn by the program."""

import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from pasunchat.errors import PasunchatError
from pasunchat.parsing import name_and_settings, with_settings
from pasunchat.photos.layouts import EXPECTED, arrange, tree_of
from pasunchat.storage import readable


@dataclass(frozen=True)
class Entry:
    """One file of a source, with its class. `name` is unique in its source.

    split: train, validation or test, or None where the source does not say. stamp: changes when
    the file does. size: bytes. read: gives the bytes; may raise as reading a file or zip does.
    """

    class_name: str
    split: str | None
    name: str
    source: str
    size: int
    stamp: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Skipped:
    """A file that is not taken: why, by name and in a sentence."""

    source: str
    name: str
    reason: str
    sentence: str


@dataclass(frozen=True)
class Listing:
    """What a source holds, sorted by name."""

    source: str
    layout: str
    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class File:
    """A file of a source whose class is not known yet."""

    size: int
    stamp: str
    read: Callable[[], bytes]


Files = dict[str, File]


@contextmanager
def opened(sources: Sequence[str | Path]) -> Iterator[list[Listing]]:
    r"""The listings of several sources; their entries can be read until the end of the block.

    Names that are no UTF-8 are listed with \xe9 and the like in place of such bytes.

    Raises PasunchatError for a source that is none, is empty, has no layout, or comes twice.
    """
    names = [Path(source).as_posix() for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise PasunchatError(f"the source {name} is given twice; give it once")
    with ExitStack() as stack:
        yield [stack.enter_context(SOURCES[kind_of(name)](name)) for name in names]


def kind_of(source: str) -> str:
    """Which row of SOURCES reads this. Raises PasunchatError if none does."""
    if source == "drawn" or source.startswith("drawn:"):
        return "drawn"
    path = Path(source)
    if path.is_dir():
        return "folder"
    if not path.exists():
        raise PasunchatError(f"no source at {source}: expected a folder, a zip, or the word drawn")
    if not zipfile.is_zipfile(path):
        raise PasunchatError(
            f"{source} is neither a folder nor a zip; give the folder or the zip that holds it"
        )
    return "zip"


@contextmanager
def _folder(source: str) -> Iterator[Listing]:
    files: Files = {}
    hidden = _walk(Path(source), "", files, {os.path.realpath(source)})
    yield _listed(source, files, hidden)


def _walk(folder: Path, prefix: str, files: Files, seen: set[str]) -> list[str]:
    """Put the files below `folder` into `files`. Returns the hidden names met."""
    hidden = []
    for item in sorted(os.scandir(folder), key=lambda item: item.name):
        name = prefix + readable(item.name)
        if _is_hidden(item.name):
            hidden.append(name)
        elif item.is_dir():
            real = os.path.realpath(item.path)
            if real not in seen:  # a link may lead back up
                hidden += _walk(Path(item.path), name + "/", files, seen | {real})
        else:
            files[name] = _file(item)
    return hidden


def _file(item: "os.DirEntry[str]") -> File:
    facts = item.stat(follow_symlinks=item.is_file())
    stamp = f"{facts.st_size}:{facts.st_mtime_ns}"
    return File(facts.st_size, stamp, partial(_file_bytes, Path(item.path)))


def _file_bytes(path: Path) -> bytes:
    if not path.is_file():  # reading a device might never end
        raise FileNotFoundError("a broken link, or no file")
    return path.read_bytes()


@contextmanager
def _zip(source: str) -> Iterator[Listing]:
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(source))
            files, hidden = _members(archive, "", stack, inner_zips=True)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
            raise PasunchatError(f"{source} is a damaged or locked zip: {error}") from error
        yield _listed(source, files, hidden)


def _members(
    archive: zipfile.ZipFile, prefix: str, stack: ExitStack, *, inner_zips: bool
) -> tuple[Files, list[str]]:
    files: Files = {}
    hidden: list[str] = []
    for member in archive.infolist():
        name = prefix + member.filename.replace("\\", "/").strip("/")
        cut = _hidden_part(name)
        if cut:
            hidden.append(cut)
        elif inner_zips and name.lower().endswith(".zip"):
            copy = stack.enter_context(_copied(archive, member))
            inner = stack.enter_context(zipfile.ZipFile(copy))
            more = _members(inner, name[:-4] + "/", stack, inner_zips=False)
            files |= more[0]
            hidden += more[1]
        elif not member.is_dir():
            stamp = f"{member.file_size}:{member.CRC:08x}"
            files[name] = File(member.file_size, stamp, partial(archive.read, member))
    return files, sorted(set(hidden))


@contextmanager
def _copied(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """A temporary copy of a zip in a zip: inside a compressed one, nobody can jump about."""
    with tempfile.TemporaryFile() as copy:
        with archive.open(member) as inner:
            shutil.copyfileobj(inner, copy, 1 << 20)
        yield copy


@dataclass(frozen=True)
class Drawn:
    """The settings of `drawn`: how many photos in all, their side in pixels, and the seed."""

    count: int = 2000
    size: int = 224
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 2 or self.size < 16 or self.seed < 0:
            raise ValueError("count is at least 2, size at least 16, and seed at least 0")


@contextmanager
def _drawn(source: str) -> Iterator[Listing]:
    from pasunchat.photos.drawing import KINDS

    settings = with_settings(Drawn(), name_and_settings(source)[1], "drawn")
    entries = []
    for number in range(settings.count):
        kind, index = KINDS[number % len(KINDS)], number // len(KINDS)
        name = f"{kind}/{kind}.{index:05}.png"
        read = partial(_draw_png, kind, settings.seed, index, settings.size)
        entries.append(Entry(kind, None, name, source, 0, f"{settings.seed}:{settings.size}", read))
    yield Listing(source, "drawn", tuple(sorted(entries, key=lambda entry: entry.name)), ())


def _draw_png(kind: str, seed: int, index: int, size: int) -> bytes:
    from pasunchat.photos.drawing import draw

    file = io.BytesIO()
    # uncompressed, so that the bytes (and the split, which follows them) depend on no zlib
    draw(kind, seed, index, size).save(file, "PNG", compress_level=0)
    return file.getvalue()


SOURCES: Mapping[str, Callable[[str], AbstractContextManager[Listing]]] = {
    "folder": _folder,
    "zip": _zip,
    "drawn": _drawn,
}


def _listed(source: str, files: Files, hidden: list[str]) -> Listing:
    if not files:
        raise PasunchatError(f"{source} holds no photos; {EXPECTED}")
    try:
        arranged = arrange(tree_of(files))
    except PasunchatError as error:
        raise PasunchatError(f"{source}: {error}") from error
    source = readable(source)
    if arranged is None:
        raise PasunchatError(
            f"{source}: its {len(files)} files lie in no class folder and have no class in "
            f"their names; {EXPECTED}"
        )
    layout, places = arranged
    entries = [
        Entry(*places[name], name, source, file.size, file.stamp, file.read)
        for name, file in sorted(files.items())
        if name in places
    ]
    skipped = [_hidden(source, name) for name in hidden]
    skipped += [_no_class(source, name) for name in sorted(set(files) - set(places))]
    return Listing(source, layout, tuple(entries), tuple(skipped))


def _hidden(source: str, name: str) -> Skipped:
    return Skipped(source, name, "hidden", "a name that starts with a dot or __ is passed over")


def _no_class(source: str, name: str) -> Skipped:
    return Skipped(source, name, "no-class", "the file lies where its class cannot be told")


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__"))


def _hidden_part(path: str) -> str | None:
    """The path up to its first hidden name, or None."""
    parts = path.split("/")
    for depth, part in enumerate(parts, 1):
        if _is_hidden(part):
            return "/".join(parts[:depth])
    return None
