"""From sources to a dataset: the job behind `pasunchat prepare`."""

import hashlib
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import PIL
from numpy.typing import NDArray

from pasunchat.errors import PasunchatError
from pasunchat.framing import FRAMINGS, Decode, Framing
from pasunchat.photos.dataset import FORMAT, Dataset, is_dataset, open_dataset
from pasunchat.photos.image import DECODES, PhotoError, decode_photo, near_size
from pasunchat.photos.partial import PartialDataset, Row, one_at_a_time, partial_folder
from pasunchat.photos.sources import Entry, Listing, opened
from pasunchat.photos.splitting import Proportions, check_proportions
from pasunchat.photos.write import Settings, write_all_but_pixels
from pasunchat.progress import Progress, silent
from pasunchat.runtime import cores
from pasunchat.storage import cache_folder, put_in_place, refuse_existing, sha256, to_json

Item = TypeVar("Item")
Result = TypeVar("Result")
Sources = str | Path | Sequence[str | Path]
READER = 2  # raised when what is read as a photo changes, so that no older part is gone on with
SPLIT: Proportions = (0.6, 0.3, 0.1)
MOST_BYTES = 1 << 29  # a larger file is no photo, and must not fill the memory
LARGEST_SIZE = 4096
UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError)


def prepare(
    sources: Sources,
    output: str | Path,
    *,
    size: int = 224,
    framing: Framing = "pad",
    decode: Decode = "exact",
    split: Proportions = SPLIT,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Dataset:
    """Read the photos of `sources` once and keep them as numbers in the folder `output`.

    sources: one, or several. size: side of the square pictures, in pixels. framing: see `frame`.
    decode: "exact", or "fast" (see `read_photo`). split: shares for training, validation, test.
    progress is called with (files done, files in all).

    Killed at any point and called again, it goes on after the last finished photo, and ends with
    the same bytes. Sources are only read. Raises PasunchatError for what cannot be prepared, and
    lets OSError through where the disk refuses.
    """
    settings, output = _checked(size, framing, decode, split, seed), Path(output)
    with one_at_a_time(output):
        _refuse_output(_listed(sources), output, overwrite=overwrite)
        with opened(_listed(sources)) as listings:
            _make(listings, output, settings, progress)
    return open_dataset(output)


def prepared(
    sources: Sources,
    *,
    size: int = 224,
    framing: Framing = "pad",
    decode: Decode = "exact",
    split: Proportions = SPLIT,
    seed: int = 0,
    progress: Progress = silent,
) -> Dataset:
    """The dataset that `prepare` makes, kept in the cache folder and made only once.

    It is made again when a file's name, size or time changes, or a setting.
    """
    settings = _checked(size, framing, decode, split, seed)
    with opened(_listed(sources)) as listings:
        output = cache_folder() / "datasets" / _key(listings, settings)[:32]
        with one_at_a_time(output):
            if not is_dataset(output):
                _make(listings, output, settings, progress)
    return open_dataset(output)


def dataset_or_prepared(
    data: Sequence[str | Path] | None,
    *,
    size: int | None = None,
    usual_size: int = 224,
    framing: Framing = "pad",
    decode: Decode = "exact",
    progress: Progress = silent,
) -> Dataset:
    """The dataset in the folder that `data` names; else its photos, `prepared` in the cache.

    data: one dataset, or sources as in `prepare`. size: side in pixels that the user asked for, or
    None. usual_size: side where none was asked for. framing, decode: as in `prepare`. All four are
    for photos; a dataset is opened as it is. Raises PasunchatError if nothing is named, or if a
    size is asked for with a dataset.
    """
    if not data:
        raise PasunchatError('no photos named; expected a dataset, a folder, a zip, or "drawn"')
    if len(data) > 1 or not is_dataset(data[0]):
        side = usual_size if size is None else size
        return prepared(data, size=side, framing=framing, decode=decode, progress=progress)
    if size is not None:
        raise PasunchatError(
            f"--size is for photos; {data[0]} is prepared already: prepare it again with --size"
        )
    return open_dataset(data[0])


def _listed(sources: Sources) -> Sequence[str | Path]:
    return [sources] if isinstance(sources, str | Path) else sources


def _checked(
    size: int, framing: Framing, decode: Decode, split: Proportions, seed: int
) -> Settings:
    if not 1 <= size <= LARGEST_SIZE:
        raise PasunchatError(f"--size: expected 1 to {LARGEST_SIZE} pixels, got {size}")
    if framing not in FRAMINGS:
        raise PasunchatError(f'--framing: expected {", ".join(FRAMINGS)}, got "{framing}"')
    if decode not in DECODES:
        raise PasunchatError(f'--decode: expected {", ".join(DECODES)}, got "{decode}"')
    check_proportions(split)
    train, validation, test = split
    return Settings(size, framing, decode, (train, validation, test), seed)


def _refuse_output(sources: Sequence[str | Path], output: Path, *, overwrite: bool) -> None:
    """Refuse to replace what is no dataset, and to write where photos are read from."""
    refuse_existing(output, overwrite=overwrite)
    is_empty = output.is_dir() and not any(output.iterdir())
    if output.exists() and not is_dataset(output) and not is_empty:
        raise PasunchatError(f"{output} is no dataset and is not replaced; choose another place")
    place = output.resolve()
    for source in map(Path, sources):
        around = source.resolve()
        if source.exists() and (place.is_relative_to(around) or around.is_relative_to(place)):
            raise PasunchatError(
                f"the output {output} lies in the source {source} or holds it, and sources are "
                "only read; choose another place"
            )


def _make(
    listings: Sequence[Listing],
    output: Path,
    settings: Settings,
    progress: Progress,
) -> None:
    entries = _entries(listings)
    with partial_folder(output, _key(listings, settings)) as folder:
        unfinished = PartialDataset(folder, settings.size)
        _read_all(entries, settings, unfinished, progress)
        write_all_but_pixels(folder / "dataset", listings, entries, unfinished.rows, settings)
        put_in_place(folder / "dataset", output)


def _entries(listings: Sequence[Listing]) -> list[Entry]:
    """All files, in the order of rows: by class, then name. Raises PasunchatError for one class."""
    entries = [entry for listing in listings for entry in listing.entries]
    classes = sorted({entry.class_name for entry in entries})
    if len(classes) < 2:
        raise PasunchatError(
            f'expected at least two classes, found one ("{classes[0]}") in '
            f"{', '.join(listing.source for listing in listings)}; add a folder for another"
        )
    return sorted(entries, key=lambda entry: (entry.class_name, entry.name))


def _key(listings: Sequence[Listing], settings: Settings) -> str:
    """What the result depends on, without reading the photos: listing, settings, decoder."""
    parts = [str(FORMAT), str(READER), PIL.__version__, to_json(settings).decode()]
    for listing in listings:
        parts += [listing.source]
        for entry in listing.entries:
            parts += [entry.class_name, entry.split or "", entry.name, entry.stamp]
        for item in listing.skipped:
            parts += [item.name, item.reason]
    return sha256(*parts)


def _read_all(
    entries: Sequence[Entry], settings: Settings, unfinished: PartialDataset, progress: Progress
) -> None:
    """Read every entry that has no row yet, on all cores; rows are written in order."""
    progress(len(unfinished.rows), len(entries))
    left = entries[len(unfinished.rows) :]
    with unfinished.appending() as append:
        for row, pixels in in_order(partial(_read, settings), left, cores()):
            append(row, pixels)
            progress(len(unfinished.rows), len(entries))


def _read(settings: Settings, entry: Entry) -> tuple[Row, NDArray[np.uint8] | None]:
    """What comes of one file: its row, and uint8 [size, size, 3] if it opens."""
    if entry.size > MOST_BYTES:
        sentence = f"a file of more than {MOST_BYTES >> 20} MiB is not opened"
        return Row(reason="too-large", sentence=sentence), None
    try:
        data = entry.read()
        photo = decode_photo(data, near=near_size(settings.size, settings.framing, settings.decode))
    except PhotoError as error:
        return Row(reason=error.reason, sentence=str(error)), None
    except UNREADABLE as error:
        return Row(reason="unreadable", sentence=f"cannot be read: {error}"), None
    pixels = np.ascontiguousarray(photo.square(settings.size, settings.framing))
    row = Row(
        sha256=hashlib.sha256(data).hexdigest(),
        pixels_sha256=hashlib.sha256(pixels.data).hexdigest(),
        width=photo.width,
        height=photo.height,
        bytes=len(data),
    )
    return row, pixels


def in_order(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[Result]:
    """`work` of each item, by threads, in order; at most four a worker wait to be taken."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= 4 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
