"""pack: the page as files, for one classifier."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.load import load
from pasunchat.errors import PasunchatError
from pasunchat.pack.pages import START, written
from pasunchat.pack.prepare import Sample, prepared, sample_of
from pasunchat.pack.samples import our_samples
from pasunchat.pack.weights import CannotRunInPage, network_in_page
from pasunchat.page.example import SAMPLES
from pasunchat.progress import Progress, silent
from pasunchat.storage import refuse_existing, whole_file, whole_folder

MOST_BYTES = 5_000_000  # of all files together
DAY = (1980, 1, 1, 0, 0, 0)  # of each file in a zip, so that the same pages give the same bytes


@dataclass(frozen=True)
class Packed:
    """What was written."""

    path: Path  # the folder, or the zip
    start: str  # the file to open
    model: str
    photos: int
    bytes: int  # of all files together, unpacked
    runs: bool  # whether the network itself runs in the page
    why_not: str  # where it does not


def pack(
    model: str,
    output: Path,
    photos: Sequence[Path] = (),
    *,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Packed:
    """Write the page for a model into a folder, or into a zip where `output` ends in .zip.

    Opened from there it needs no program and no network. photos: of the user's, shown and fooled
    before the program's own. progress: (photos done, photos). Raises PasunchatError for a model
    whose photos have no size, a file that is no photo, more than 5 MB, and for an output that
    exists already unless `overwrite`; then nothing is written.
    """
    refuse_existing(output, overwrite=overwrite)
    classifier = _of_a_size(model)
    network, why_not = _network(classifier)
    assert classifier.size is not None
    samples = [*_own_samples(photos), *our_samples(classifier.size)]
    found = prepared(model, samples, inside=network is None, progress=progress)
    if not found.falls:
        raise PasunchatError(f"{model} could not be attacked on any photo, so there is no page")
    if photos:
        found.models[0]["shipped"] = False  # the page's first sentence says that one sees a cat
    files = written(found, network)
    total = sum(map(len, files.values()))
    if total > MOST_BYTES:
        raise PasunchatError(
            f"{len(photos)} photos make {total / 1e6:.1f} MB, more than the "
            f"{MOST_BYTES // 1_000_000} MB that a page may have; take fewer"
        )
    _write(files, output, overwrite=overwrite)
    return Packed(
        path=output,
        start=START,
        model=found.models[0]["name"],
        photos=len(samples),
        bytes=total,
        runs=network is not None,
        why_not=why_not,
    )


def _of_a_size(model: str) -> Classifier:
    """The classifier, which must say how large its pictures are."""
    classifier = load(model)
    if classifier.size is None:
        raise PasunchatError(
            f"{model} states no size of its pictures, so that a page could show it none; name a "
            "model that does"
        )
    return classifier


def _network(classifier: Classifier) -> tuple[Mapping[str, object] | None, str]:
    """The network as plain steps; None and the reason where it cannot be written so."""
    try:
        return json.loads(msgspec.json.encode(network_in_page(classifier))), ""
    except CannotRunInPage as reason:
        return None, str(reason)


def _own_samples(photos: Sequence[Path]) -> list[Sample]:
    """The user's photos, by names that differ."""
    found: dict[str, Sample] = {}
    for path in photos:
        sample, tries = sample_of(path), 1
        while sample.name in found or sample.name in SAMPLES:
            tries += 1
            sample = replace(sample, name=f"{path.stem}-{tries}")
        found[sample.name] = sample
    return list(found.values())


def _write(files: Mapping[str, bytes], output: Path, *, overwrite: bool) -> None:
    if output.suffix.lower() != ".zip":
        with whole_folder(output, overwrite=overwrite) as part:
            for name, data in files.items():
                (part / name).write_bytes(data)
        return
    with whole_file(output) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(f"{output.stem}/{name}", DAY)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
