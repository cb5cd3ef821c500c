"""A whole split certified, block by block: how many photos no change up to a size can make misread.

Certified accuracy is the share of all photos that are read rightly and proved at a radius: a lower
bound, as robust accuracy under attack is an upper one. Killed at any moment, it goes on.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pasunchat.certificates.bounds.trace import trace
from pasunchat.certificates.certificate import Certificate, Proof
from pasunchat.certificates.certify import CERTIFICATES, Asked, certificates_of, method_for
from pasunchat.certificates.receipt import CertificateReceipt, save_receipt
from pasunchat.certificates.votes import refuse_without_noise
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.load import Model, as_classifier
from pasunchat.intervals import interval_of
from pasunchat.measures.attack_block import Labelled, rows_of
from pasunchat.measures.attack_model import attacked_rows
from pasunchat.measures.attacked import picture_names, write_rows
from pasunchat.measures.job_folder import begin, is_begun, read_shard, sweep, write_shard
from pasunchat.measures.robust_accuracy import CurvePoint, RobustAccuracy
from pasunchat.measures.score import check_fit
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.image import digest_of_pixels
from pasunchat.progress import Progress, silent
from pasunchat.storage import read_json, write_json

CERTIFICATES_FOLDER = "certificate"  # in a run's folder
CERTIFIED, TABLE, RECEIPTS = "certificate.json", "photos.csv", "receipts"
BLOCK = 8  # photos certified together, and so what a kill may lose
ASKED_FIRST = 100  # photos on which a smoothed classifier is tried under noise


@dataclass(frozen=True)
class CertifyRunInfo:
    """What was asked for, and of which bytes: info.json."""

    classifier: str  # its digest
    dataset: str  # its digest
    split: str
    limit: int | None  # how many photos, spread evenly over the split; None: all
    photos: int
    method: str  # in CERTIFICATES
    asked: Asked
    block: int
    version: str  # of pasunchat


@dataclass(frozen=True)
class CertifiedPhoto:
    """One photo and what is proved of it: a row of photos.csv."""

    row: int  # in the dataset
    name: str
    real: str  # its class
    answer: str  # the class that the classifier answers; empty where it abstains
    proof: Proof
    radius: float  # 0 where nothing is proved
    queries: int
    receipt: str  # the file of its receipt; empty where nothing is proved


@dataclass(frozen=True)
class CertifiedBlock:
    """What came of a few photos, in the dataset's order."""

    photos: tuple[CertifiedPhoto, ...]


@dataclass(frozen=True)
class Certified:
    """What is proved on a split."""

    model: str
    info: CertifyRunInfo
    norm: str
    photos: int
    right: int  # photos of which the classifier gives the right class
    abstained: int
    proved: int  # at a radius above 0, or at the one asked for
    accuracy: float  # share that is right
    median: float | None  # radius proved of at least half of the right photos; None: fewer
    curve: tuple[CurvePoint, ...]  # certified accuracy, from radius 0 on
    certified: tuple[CertifiedPhoto, ...]

    def accuracy_at(self, radius: float) -> RobustAccuracy:
        """How many photos are proved at a radius, in [0, 1]."""
        proved = sum(_proved_at(photo, radius) for photo in self.certified)
        share, interval = proved / self.photos, interval_of(proved, self.photos)
        return RobustAccuracy(radius, proved, self.photos, share, interval)


def _proved_at(photo: CertifiedPhoto, radius: float) -> bool:
    return photo.proof is Proof.PROVED and photo.radius >= radius


def refuse_without_certificate(
    classifier: Classifier, dataset: Dataset, norm: str | None = None
) -> None:
    """Raise PasunchatError where nothing can be proved of a classifier on a dataset, before hours
    are spent: it has no certificate in this norm, its network a layer that bounds do not know, or
    its votes would not agree."""
    method = method_for(classifier, norm)
    photos = rows_of(classifier, dataset)
    if method == "bounds":
        trace(classifier, photos.pixels(np.arange(1)))
    rows = dataset.rows("validation")[:ASKED_FIRST]
    if method == "votes" and len(rows):
        labels = torch.from_numpy(photos.labels[rows])
        refuse_without_noise(classifier, photos.pixels(rows), labels)


def certify_split(
    model: Model,
    dataset: Dataset,
    folder: str | Path,
    asked: Asked | None = None,
    *,
    split: str = "test",
    limit: int | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Certified:
    """Certify the photos of a split ("train", "validation", "test" or "all"). What was done before
    in `folder` is not done again.

    model, asked: as `certify` takes them. limit: so many photos, spread evenly over the split. It
    leaves certificate.json, photos.csv, shards/, and in receipts/ each proved photo as a PNG that
    `verify` proves again; the same bytes however often it was stopped, times in timing.jsonl alone.
    progress: (photos done, photos). Raises PasunchatError if classifier and dataset do not fit, the
    network has no certificate of this kind, the split is empty, or `folder` holds something else
    or a certificate with other settings (replaced if `overwrite`).
    """
    classifier, asked, folder = as_classifier(model), asked or Asked(), Path(folder)
    check_fit(classifier, dataset)
    rows = attacked_rows(dataset, split, limit)
    method = method_for(classifier, asked.norm)
    asked = replace(asked, norm=CERTIFICATES[method].norm)
    info = CertifyRunInfo(
        classifier=classifier.digest(), dataset=dataset.digest, split=split, limit=limit,
        photos=len(rows), method=method, asked=asked, block=BLOCK,
        version=version("pasunchat"),
    )  # fmt: skip
    begun = is_begun(folder, info, "a certificate", overwrite=overwrite)
    if begun:
        sweep(folder)
    work = _Work(
        classifier,
        dataset,
        rows_of(classifier, dataset),
        picture_names(dataset.names),
        folder,
        info,
    )
    photos: list[CertifiedPhoto] = []
    progress(0, len(rows))
    for first in range(0, len(rows), BLOCK):
        some = rows[first : first + BLOCK]
        block = _whole_block(folder, first) if begun else None
        if block is None:
            block = work.certified(some, first, begun=begun)
            begun = True
        photos += block.photos
        progress(len(photos), len(rows))
    return _finished(work, photos)


def _whole_block(folder: Path, first: int) -> CertifiedBlock | None:
    """A finished block, if every receipt of it is there."""
    block, receipts = read_shard(folder, first, CertifiedBlock), folder / RECEIPTS
    if block is None:
        return None
    there = all((receipts / photo.receipt).is_file() for photo in block.photos if photo.receipt)
    return block if there else None


@dataclass(frozen=True)
class _Work:
    """A certification at work."""

    classifier: Classifier
    dataset: Dataset
    photos: Labelled
    names: Sequence[str]  # of the files, without ending, for each row
    folder: Path
    info: CertifyRunInfo

    def certified(self, rows: NDArray[np.int64], first: int, *, begun: bool) -> CertifiedBlock:
        """Some rows certified and kept. The folder is begun when the first block is through: what
        is refused leaves nothing."""
        started = time.monotonic()
        labels = torch.from_numpy(self.photos.labels[rows])
        pixels = self.photos.pixels(rows)
        found = certificates_of(self.classifier, pixels, labels, self.info.asked)
        if not begun:
            begin(self.folder, self.info)
        block = CertifiedBlock(
            tuple(
                self._kept(row, self.names[row], certificate)
                for row, certificate in zip(rows.tolist(), found, strict=True)
            )
        )
        write_shard(self.folder, first, block, len(rows), time.monotonic() - started)
        return block

    def _kept(self, row: int, name: str, certificate: Certificate) -> CertifiedPhoto:
        """One photo's row, its receipt written where there is something to prove again."""
        image, classes = np.asarray(self.dataset.pixels[row]), self.photos.classes
        receipt = f"{name}.png" if certificate.proof is Proof.PROVED else ""
        if receipt:
            said = CertificateReceipt(
                model=self.classifier.known_as,
                label=classes[certificate.label],
                photo=digest_of_pixels(image),
                certificate=certificate,
                asked=self.info.asked,
            )
            save_receipt(self.folder / RECEIPTS / receipt, image, said)
        return CertifiedPhoto(
            row=row,
            name=self.dataset.names[row],
            real=classes[certificate.label],
            answer="" if certificate.answer is None else classes[certificate.answer],
            proof=certificate.proof,
            radius=certificate.radius,
            queries=certificate.queries,
            receipt=receipt,
        )


def _finished(work: _Work, photos: list[CertifiedPhoto]) -> Certified:
    right = [photo for photo in photos if photo.answer == photo.real]
    radii = sorted((photo.radius for photo in right), reverse=True)
    middle = radii[(len(radii) - 1) // 2] if radii else 0.0
    proved = [photo for photo in photos if photo.proof is Proof.PROVED]
    found = Certified(
        model=work.classifier.known_as,
        info=work.info,
        norm=CERTIFICATES[work.info.method].norm,
        photos=len(photos),
        right=len(right),
        abstained=sum(photo.proof is Proof.ABSTAINED for photo in photos),
        proved=len(proved),
        accuracy=len(right) / len(photos),
        median=middle or None,
        curve=_curve(photos, len(right)),
        certified=tuple(photos),
    )
    columns = [field.name for field in fields(CertifiedPhoto)]
    rows = [{**asdict(photo), "proof": str(photo.proof)} for photo in photos]
    write_rows(work.folder / TABLE, columns, rows)
    write_json(work.folder / CERTIFIED, found)
    return found


def _curve(photos: Sequence[CertifiedPhoto], right: int) -> tuple[CurvePoint, ...]:
    """Certified accuracy from each radius on: at 0 all that are right, then those proved."""
    radii = sorted({photo.radius for photo in photos if photo.proof is Proof.PROVED})
    shares = [sum(_proved_at(photo, radius) for photo in photos) / len(photos) for radius in radii]
    points = [CurvePoint(radius, share) for radius, share in zip(radii, shares, strict=True)]
    return (CurvePoint(0.0, right / len(photos)), *points)


def read_certified(run_folder: Path) -> list[tuple[Path, Certified]]:
    """Every finished certificate under a run's `certificate`, with its folder, by name. Raises
    PasunchatError if one is damaged."""
    paths = sorted((run_folder / CERTIFICATES_FOLDER).glob(f"*/{CERTIFIED}"))
    return [(path.parent, read_json(path, Certified)) for path in paths]
