"""Outcome: what is recorded of one fooled photo (result.json), and the folder it is saved in."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import AttackResult, RequestInfo, Status
from pasunchat.classifiers.classifier import Classifier, Prediction, as_images
from pasunchat.classifiers.full_size import fitting
from pasunchat.fooled.control import Control, random_control
from pasunchat.fooled.receipt import (
    Receipt,
    ask_file,
    distances,
    save_with_receipt,
)
from pasunchat.fooled.survival import Survival, survival
from pasunchat.framing import Decode
from pasunchat.photos.image import digest_of_pixels, write_png
from pasunchat.pictures.row import drawn_noise, noise_gain
from pasunchat.storage import readable, shortened, whole_folder, write_json

DRAWS = 8
LONGEST = 90  # bytes of a part of a file name
ADVICE = {
    Status.REACHED: "",
    Status.ALREADY_WRONG: "it was read as that class before anything was changed; name another "
    "class with --as",
    Status.NOT_REACHED: "try another class with --as, a larger --radius, a lower --confidence, or "
    "--effort thorough",
    Status.NO_GRADIENT: "the classifier gave no gradient to follow; it is saturated, or ends in "
    "something that cannot be differentiated",
}


@dataclass(frozen=True)
class Transfer:
    """What another model answers."""

    model: str
    before: Prediction  # for the photo
    after: Prediction  # for the picture
    fooled: bool  # it answers the goal for the picture, and did not for the photo


@dataclass(frozen=True)
class Outcome:
    """One photo's outcome."""

    photo: str  # the file it came from, `readable`
    status: Status
    fooled: bool  # the goal is reached by the file as read back from disk
    goal: str
    before: Prediction
    after: Prediction
    picture: str  # name of the fooling PNG, or of the closest try
    l2: float  # of the change, pixels in [0, 1]
    largest_change: int  # in levels of 255
    factor: float  # the same as a share of the whole range (the talk's "+ 0.032x")
    distance: float  # in the norm asked for
    values: int  # how many changed
    pixels: int  # how many changed
    gradients: int
    queries: int
    request: RequestInfo
    control: Control | None  # random noise of the same L2
    survival: tuple[Survival, ...]  # what becomes of it after common transforms
    required: tuple[str, ...]  # transforms that the search required it to survive
    cost_of_surviving: float | None  # the distance as a multiple of that without them
    transfer: tuple[Transfer, ...]  # other models
    model: str  # the name that loads the classifier
    classifier: str  # its digest
    advice: str  # what to do where it was not fooled


@dataclass(frozen=True)
class Extras:
    """What is to be recorded of a picture beside the result."""

    required: tuple[str, ...] = ()  # transforms that the search required it to survive
    plain_distance: float | None = None  # the distance without them
    models: Sequence[Classifier] = ()  # others to be asked


def save_outcome(
    classifier: Classifier,
    result: AttackResult,
    row: int,
    name: str,
    folder: Path,
    *,
    extras: Extras | None = None,
    overwrite: bool = False,
    add: Callable[[Path, Outcome], object] = lambda *_: None,
) -> Outcome:
    """Write one row's files into `folder`, whole or not at all.

    name: the file it came from. add: may write more into the folder before it is in place.
    """
    photo, image = (as_images(p[row : row + 1])[0] for p in (result.photos, result.pixels))
    goal, digest = int(result.goal[row]), classifier.digest()
    framed = photo.shape[:2] == (classifier.size, classifier.size)
    decode = classifier.decode if framed else "exact"
    receipt = receipt_of(
        classifier, result, row, photo, image, goal=goal, digest=digest, decode=decode
    )
    reached = result.status[row] is Status.REACHED
    picture = f"{stem(name)}.{'' if reached else 'closest-to-'}{plain(receipt.goal)}.png"
    with whole_folder(folder, overwrite=overwrite) as part:
        save_with_receipt(part / picture, image, receipt)
        write_png(part / "photo.png", photo, {})
        write_png(part / "noise.png", drawn_noise(photo, image, noise_gain(photo, image)), {})
        outcome = _outcome(
            classifier, result, row, name, part / picture, receipt, extras or Extras()
        )
        write_json(part / "result.json", outcome)
        add(part, outcome)
    return outcome


def stem(name: str) -> str:
    """The file's name without folder and ending, fit to be part of a file name."""
    return plain(readable(Path(name).stem))


def plain(text: str) -> str:
    """The text with whatever may not stand in a file name replaced, and its end alone where it is
    long: a file system takes 255 bytes, and two of these may stand in a name.

    A name that Windows keeps for a device, with or without an ending, gets an underscore.
    """
    fit = shortened(re.sub(r"[^\w.+-]+", "_", text), LONGEST).strip("._") or "photo"
    return re.sub(r"^(con|prn|aux|nul|(com|lpt)[0-9¹²³])(?![^.])", r"\1_", fit, flags=re.I)


def receipt_of(
    classifier: Classifier,
    result: AttackResult,
    row: int,
    photo: NDArray[np.uint8],
    image: NDArray[np.uint8],
    *,
    goal: int,
    digest: str,
    decode: Decode,
) -> Receipt:
    """What the picture of one row says of itself. goal: a class. digest: the classifier's. decode:
    how the photo was decoded."""
    before, after = (
        classifier.predictions_from_logits(logits[row : row + 1])[0]
        for logits in (result.before_logits, result.after_logits)
    )
    l2, largest = distances(photo, image)
    return Receipt(
        model=classifier.known_as,
        classifier=digest,
        photo=digest_of_pixels(photo),
        picture=digest_of_pixels(image),
        goal=classifier.class_name(goal),
        before=before,
        after=after,
        l2=l2,
        largest_change=largest,
        request=result.request,
        decode=decode,
    )


def _outcome(
    classifier: Classifier,
    result: AttackResult,
    row: int,
    name: str,
    picture: Path,
    receipt: Receipt,
    extras: Extras,
) -> Outcome:
    """The outcome, judged on the file just written."""
    status, after = result.status[row], ask_file(classifier, picture)
    changed = (result.pixels[row] != result.photos[row]).cpu()
    image = as_images(result.pixels[row : row + 1])[0]
    distance = float(result.distance[row])
    return Outcome(
        photo=name,
        status=status,
        fooled=status is Status.REACHED and after.label == receipt.goal,
        goal=receipt.goal,
        before=receipt.before,
        after=after,
        picture=picture.name,
        l2=receipt.l2,
        largest_change=receipt.largest_change,
        factor=receipt.largest_change / 255,
        distance=distance,
        values=int(changed.sum()),
        pixels=int(changed.any(0).sum()),
        gradients=int(result.backwards[row]),
        queries=int(result.forwards[row]),
        request=result.request,
        control=_control(classifier, result, row, receipt),
        survival=survival(classifier, image, _goal(result, row)),
        required=extras.required,
        cost_of_surviving=distance / extras.plain_distance if extras.plain_distance else None,
        transfer=tuple(_transfer(model, picture, receipt) for model in extras.models),
        model=receipt.model,
        classifier=receipt.classifier,
        advice=ADVICE[status],
    )


def _goal(result: AttackResult, row: int) -> Goal:
    return Goal(result.goal[row : row + 1])


def _transfer(model: Classifier, picture: Path, receipt: Receipt) -> Transfer:
    before, after = (ask_file(model, path) for path in (picture.parent / "photo.png", picture))
    fooled = after.label == receipt.goal != before.label
    return Transfer(model.known_as, before, after, fooled)


def _control(
    classifier: Classifier, result: AttackResult, row: int, receipt: Receipt
) -> Control | None:
    if receipt.l2 == 0:
        return None
    photo = result.photos[row]
    return random_control(
        fitting(classifier, *photo.shape[1:]),
        photo,
        _goal(result, row),
        receipt.l2,
        draws=DRAWS,
        seed=result.request.seed,
    )
