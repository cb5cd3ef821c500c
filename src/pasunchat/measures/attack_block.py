"""A few photos of a dataset attacked together, each saved, read back and measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pasunchat.attacks.fool import Request, fool, nothing_is_proved
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.attacks.strategies.standard import Standard
from pasunchat.certificates.bounds.trace import NoBounds, trace
from pasunchat.certificates.linear_bounds import EFFORTS, Margins, widest
from pasunchat.classifiers.classifier import Classifier, Prediction, as_images, as_pixels, softmax
from pasunchat.fooled.outcome import receipt_of
from pasunchat.fooled.receipt import save_with_receipt
from pasunchat.framing import Decode, Framing
from pasunchat.measures.attacked import AttackedPhoto, sizes
from pasunchat.measures.class_match import match_classes
from pasunchat.measures.robust_accuracy import farthest
from pasunchat.norms import LINF
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.image import read_photo
from pasunchat.progress import Progress
from pasunchat.progress import silent as unreported

TRIED_FIRST = 4  # rows of a block for which a proof is tried in any case
BLOCK = 16  # photos attacked together, and so what a kill may lose


@dataclass(frozen=True)
class Block:
    """What came of a few photos, in the dataset's order."""

    photos: tuple[AttackedPhoto, ...]


@dataclass(frozen=True)
class Labelled:
    """Photos and their real classes, by rows."""

    pixels: Callable[[NDArray[np.int64]], Tensor]  # rows [N] -> float [N, 3, H, W] in [0, 1]
    labels: NDArray[np.int64]  # the classifier's output for each
    names: Sequence[str]
    classes: tuple[str, ...]  # a name for each output, all different


@dataclass(frozen=True)
class PictureFiles:
    """Where pictures are saved, and how they are read back."""

    folder: Path
    names: Sequence[str]  # of the files, without ending, for each row
    size: int
    framing: Framing
    decode: Decode


@dataclass(frozen=True)
class Subject:
    """What is attacked and how, and where its pictures go."""

    classifier: Classifier
    digest: str  # of the classifier
    photos: Labelled
    requests: tuple[Request, ...]  # one after the other, each on what those before did not fool
    files: PictureFiles | None = None  # None where what comes out lies on no 8-bit grid


@dataclass(frozen=True)
class Found:
    """What the last request that was tried on a photo found: a row of its result."""

    result: AttackResult
    at: int
    forwards: int  # of all requests that were tried
    backwards: int


@dataclass(frozen=True)
class SplitProgress:
    """How far an attack on a split is."""

    done: int
    photos: int
    fooled: int  # of the photos of finished blocks
    seconds_left: float | None  # at the pace of this process; None until it has finished a block


def silent(progress: SplitProgress) -> None:
    """The callback that reports to nobody."""


def rows_of(classifier: Classifier, dataset: Dataset) -> Labelled:
    """The photos of a dataset, their pixels on the classifier's device."""
    match = match_classes(classifier, dataset)
    return Labelled(
        lambda rows: as_pixels(dataset.pixels[rows], classifier.mean.device),
        match.outputs[dataset.labels],
        dataset.names,
        match.names,
    )


def attack_block(subject: Subject, rows: NDArray[np.int64], progress: Progress) -> list[Found]:
    """Attack some rows; photos that are misread as they are are left alone. Nothing is written.
    progress: (photos done, photos)."""
    found: dict[int, Found] = {}
    active, last = np.arange(len(rows)), subject.requests[-1]
    for request in subject.requests:
        result = fool(
            subject.classifier,
            subject.photos.pixels(rows[active]),
            request,
            goal=Goal(torch.from_numpy(subject.photos.labels[rows[active]]), targeted=False),
            progress=_of_block(len(rows), progress) if request is last else unreported,
            proved=proved_by_bounds if isinstance(request.method, Standard) else nothing_is_proved,
        )
        for at, place in enumerate(active.tolist()):
            found[place] = _added(found.get(place), result, at)
        robust = [status in (Status.NOT_REACHED, Status.NO_GRADIENT) for status in result.status]
        active = active[np.array(robust)]
        if not len(active):
            break
    progress(len(rows), len(rows))
    return [found[place] for place in range(len(rows))]


def proved_by_bounds(classifier: Classifier, problem: Problem) -> Tensor:
    """Of which rows linear bounds prove that no change within the radius leaves their class, bool
    [N]. A bound costs as little as a few hundred of the queries that the attack would ask; where
    the first rows get no proof, the others are not tried."""
    found = torch.zeros(len(problem.pixels), dtype=torch.bool)
    if problem.norm is not LINF or problem.radius is None:
        return found
    try:
        network = trace(classifier, problem.pixels[:1])
    except NoBounds:
        return found
    answers = classifier.predict_logits(problem.pixels).argmax(1).tolist()
    radius = farthest(float(problem.radius[0]), problem.levels)
    for at, answer in enumerate(answers):
        if at >= TRIED_FIRST and not bool(found.any()):
            break
        margins = Margins(network, problem.pixels[at : at + 1], answer)
        found[at] = widest(margins, EFFORTS["quick"], radius) > 0
    return found


def _of_block(photos: int, progress: Progress) -> Progress:
    """Progress on the photos that are still active, as that on the block."""
    return lambda done, active: progress(photos - active + done, photos)


def _added(before: Found | None, result: AttackResult, at: int) -> Found:
    forwards, backwards = (before.forwards, before.backwards) if before else (0, 0)
    return Found(
        result, at, forwards + int(result.forwards[at]), backwards + int(result.backwards[at])
    )


def saved_block(subject: Subject, rows: NDArray[np.int64], found: Sequence[Found]) -> Block:
    """Save each picture that came out where there are files to be, ask about it as read back, and
    measure. found: of the rows, in their order."""
    return Block(
        tuple(
            (_attacked if _read_rightly(subject, row, each) else _misread)(subject, row, each)
            for row, each in zip(rows.tolist(), found, strict=True)
        )
    )


def _read_rightly(subject: Subject, row: int, found: Found) -> bool:
    return int(found.result.before[found.at]) == int(subject.photos.labels[row])


def _misread(subject: Subject, row: int, found: Found) -> AttackedPhoto:
    """A photo that was read wrongly before anything was changed."""
    photos = subject.photos
    label, logits = int(photos.labels[row]), found.result.before_logits[found.at]
    read = _prediction(subject, logits)
    margin = Goal(torch.tensor([label]), targeted=False).margin(logits[None])
    return AttackedPhoto(
        row=row, name=photos.names[row], real=photos.classes[label],
        before=read.label, confidence_before=read.confidence,
        after=read.label, confidence=read.confidence,
        status=Status.ALREADY_WRONG, fooled=False,
        distance=0.0, l2=0.0, levels=0.0, l1=0.0, l0=0, pixels=0,
        margin=float(margin), forwards=0, backwards=0, picture="",
    )  # fmt: skip


def _attacked(subject: Subject, row: int, found: Found) -> AttackedPhoto:
    """A photo that was read rightly, and what the attack made of it."""
    photos, result, at = subject.photos, found.result, found.at
    status = result.status[at]
    before = _prediction(subject, result.before_logits[at])
    after = _prediction(subject, result.after_logits[at])
    change = (result.pixels[at] - result.photos[at]).detach().cpu().double().numpy() * 255
    picture = ""
    if result.request.levels is not None:  # whole levels, without what floats add to them
        level = 255 / (result.request.levels - 1)
        change = np.rint(change / level) * level
    if subject.files is not None:
        picture = f"{subject.files.names[row]}{'' if status is Status.REACHED else '.closest'}.png"
        after = _saved(subject, subject.files, found, picture)
    distance = subject.requests[-1].norm.measure(torch.from_numpy(change / 255)[None])[0]
    size, real = sizes(change), photos.classes[int(photos.labels[row])]
    return AttackedPhoto(
        row=row, name=photos.names[row], real=real,
        before=before.label, confidence_before=before.confidence,
        after=after.label, confidence=after.confidence,
        status=status, fooled=status is Status.REACHED and after.label != real,
        distance=float(distance), l2=size.l2, levels=size.levels, l1=size.l1, l0=size.l0,
        pixels=size.pixels,
        margin=float(result.margin[at]), forwards=found.forwards, backwards=found.backwards,
        picture=picture,
    )  # fmt: skip


def _prediction(subject: Subject, logits: Tensor) -> Prediction:
    """What the classifier answers, by the photos' class names; logits [C]."""
    return Prediction.from_probabilities(softmax(logits[None])[0], subject.photos.classes)


def _saved(subject: Subject, files: PictureFiles, found: Found, picture: str) -> Prediction:
    """Save the picture with its receipt, read it back, and ask again."""
    classifier, path = subject.classifier, files.folder / picture
    result, at = found.result, found.at
    photo, image = (as_images(part[at : at + 1])[0] for part in (result.photos, result.pixels))
    goal = _goal_read(result, at)
    receipt = receipt_of(
        classifier, result, at, photo, image,
        goal=goal, digest=subject.digest, decode=files.decode,
    )  # fmt: skip
    save_with_receipt(path, image, receipt)
    read = read_photo(path, files.size, files.framing)
    return _prediction(subject, classifier.logits(read[None])[0])


def _goal_read(result: AttackResult, at: int) -> int:
    """The class that a picture which was to leave its own is read as, or, where it did not leave,
    the class that comes second."""
    logits = result.after_logits[at]
    reached = result.status[at] is Status.REACHED
    return int(logits.argmax()) if reached else int(logits.topk(2).indices[1])
