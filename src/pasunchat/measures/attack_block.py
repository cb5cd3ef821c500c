"""A few photos of a dataset attacked together, each saved, read back and measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pasunchat.attacks.fool import Request, fool
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.classifiers.classifier import Classifier, Prediction, as_images, as_pixels, softmax
from pasunchat.fooled.outcome import receipt_of
from pasunchat.fooled.receipt import save_with_receipt
from pasunchat.measures.attacked import AttackedPhoto, sizes
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.image import read_photo
from pasunchat.progress import Progress


@dataclass(frozen=True)
class Block:
    """What came of a few photos, in the dataset's order."""

    photos: tuple[AttackedPhoto, ...]


@dataclass(frozen=True)
class Subject:
    """What is attacked and how, and where its pictures go."""

    classifier: Classifier
    digest: str  # of the classifier
    dataset: Dataset
    request: Request
    names: Sequence[str]  # of the files, without ending, for each row of the dataset
    pictures: Path | None  # a folder; None where what comes out lies on no 8-bit grid


def attack_block(subject: Subject, rows: NDArray[np.int64], progress: Progress) -> AttackResult:
    """Attack some rows of the dataset; photos that are misread as they are are left alone.
    Nothing is written. progress: (photos done, photos)."""
    dataset = subject.dataset
    result = fool(
        subject.classifier,
        as_pixels(dataset.pixels[rows], subject.classifier.mean.device),
        subject.request,
        goal=Goal(torch.from_numpy(np.asarray(dataset.labels[rows])), targeted=False),
        progress=lambda done, right: progress(len(rows) - right + done, len(rows)),
    )
    progress(len(rows), len(rows))
    return result


def saved_block(subject: Subject, rows: NDArray[np.int64], result: AttackResult) -> Block:
    """Save each picture that came out, ask about it as read back, and measure. result: of the
    rows, in their order."""
    right = (result.before.numpy() == subject.dataset.labels[rows]).tolist()
    return Block(
        tuple(
            (_attacked if read_rightly else _misread)(subject, int(row), result, at)
            for at, (row, read_rightly) in enumerate(zip(rows, right, strict=True))
        )
    )


def _misread(subject: Subject, row: int, result: AttackResult, at: int) -> AttackedPhoto:
    """A photo that was read wrongly before anything was changed, row `at` of the result."""
    label, logits = int(subject.dataset.labels[row]), result.before_logits[at]
    read = _prediction(subject, logits)
    margin = Goal(torch.tensor([label]), targeted=False).margin(logits[None])
    return AttackedPhoto(
        row=row, name=subject.dataset.names[row], real=subject.dataset.classes[label],
        before=read.label, confidence_before=read.confidence,
        after=read.label, confidence=read.confidence,
        status=Status.ALREADY_WRONG, fooled=False,
        distance=0.0, l2=0.0, levels=0.0, l1=0.0, l0=0, pixels=0,
        margin=float(margin), forwards=0, backwards=0, picture="",
    )  # fmt: skip


def _attacked(subject: Subject, row: int, result: AttackResult, at: int) -> AttackedPhoto:
    """A photo that was read rightly, and what the attack made of it, row `at` of its result."""
    dataset, status = subject.dataset, result.status[at]
    before = _prediction(subject, result.before_logits[at])
    after = _prediction(subject, result.after_logits[at])
    change = (result.pixels[at] - result.photos[at]).detach().cpu().double().numpy() * 255
    picture = ""
    if subject.pictures is not None:
        change = np.rint(change)
        picture = f"{subject.names[row]}{'' if status is Status.REACHED else '.closest'}.png"
        after = _saved(subject, result, at, subject.pictures / picture)
    distance = subject.request.norm.measure(torch.from_numpy(change / 255)[None])[0]
    size, real = sizes(change), dataset.classes[int(dataset.labels[row])]
    return AttackedPhoto(
        row=row, name=dataset.names[row], real=real,
        before=before.label, confidence_before=before.confidence,
        after=after.label, confidence=after.confidence,
        status=status, fooled=status is Status.REACHED and after.label != real,
        distance=float(distance), l2=size.l2, levels=size.levels, l1=size.l1, l0=size.l0,
        pixels=size.pixels,
        margin=float(result.margin[at]), forwards=int(result.forwards[at]),
        backwards=int(result.backwards[at]), picture=picture,
    )  # fmt: skip


def _prediction(subject: Subject, logits: Tensor) -> Prediction:
    """What the classifier answers, by the dataset's class names; logits [C]."""
    return Prediction.from_probabilities(softmax(logits[None])[0], subject.dataset.classes)


def _saved(subject: Subject, result: AttackResult, at: int, path: Path) -> Prediction:
    """Save the picture with its receipt, read it back, and ask again."""
    classifier, dataset = subject.classifier, subject.dataset
    photo, image = (as_images(part[at : at + 1])[0] for part in (result.photos, result.pixels))
    goal = _goal_read(result, at)
    receipt = receipt_of(
        classifier, result, at, photo, image,
        goal=goal, digest=subject.digest, decode=dataset.decode,
    )  # fmt: skip
    save_with_receipt(path, image, receipt)
    read = read_photo(path, dataset.size, dataset.framing)
    return _prediction(subject, classifier.logits(read[None])[0])


def _goal_read(result: AttackResult, at: int) -> int:
    """The class that a picture which was to leave its own is read as, or, where it did not leave,
    the class that comes second."""
    logits = result.after_logits[at]
    reached = result.status[at] is Status.REACHED
    return int(logits.argmax()) if reached else int(logits.topk(2).indices[1])
