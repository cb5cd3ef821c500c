"""What a fooling leaves on disk: the proved picture, its noise, its control, result.json."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pasunchat.attacks.control import Control, random_control
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.proof import (
    Opinion,
    Receipt,
    ask_file,
    digest_of_pixels,
    distances,
    save_with_receipt,
)
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.classifiers.classifier import Classifier, as_images, softmax
from pasunchat.photos.image import write_png
from pasunchat.storage import whole_folder, write_json

DRAWS = 8
ADVICE = {
    Status.REACHED: "",
    Status.ALREADY_WRONG: "it was read as the wanted class before anything was changed; name "
    "another class with --as",
    Status.NOT_REACHED: "try another class with --as, or allow a larger change: "
    "--attack learned-noise:price=0.01",
    Status.NO_GRADIENT: "the classifier gave no gradient to follow; it is saturated, or ends in "
    "something that cannot be differentiated",
}


@dataclass(frozen=True)
class Kept:
    """One photo's outcome, as result.json holds it.

    fooled: the goal is reached by the file as read back from disk. picture: the fooling PNG's
    name, or the closest try's. factor: the largest change as a share of the whole range (the
    talk's "+ 0.032x"). l2: pixels in [0, 1]. steps: gradients asked for. control: random noise
    of the same L2. advice: what to do where it did not fool.
    """

    photo: str
    status: Status
    fooled: bool
    goal: str
    before: Opinion
    after: Opinion
    picture: str
    l2: float
    largest_change: int
    factor: float
    steps: int
    control: Control | None
    attack: str
    settings: dict[str, float | int | str | None]
    seed: int
    classifier: str
    advice: str


def keep(
    classifier: Classifier,
    result: AttackResult,
    row: int,
    name: str,
    folder: Path,
    *,
    overwrite: bool = False,
    add: Callable[[Path, Kept], object] = lambda *_: None,
) -> Kept:
    """Write one row's files into `folder`, whole or not at all.

    name: the file it came from. add: may write more into the folder before it is in place.
    """
    photo, image = (as_images(p[row : row + 1])[0] for p in (result.photos, result.pixels))
    goal = classifier.class_name(int(result.goal[row]))
    reached = result.status[row] is Status.REACHED
    picture = f"{stem(name)}.{'' if reached else 'closest-to-'}{plain(goal)}.png"
    with whole_folder(folder, overwrite=overwrite) as part:
        receipt = _receipt(classifier, result, row, photo, image)
        save_with_receipt(part / picture, image, receipt)
        after = ask_file(classifier, part / picture)
        write_png(part / "photo.png", photo, {})
        write_png(part / "noise.png", noise_at_full_range(photo, image), {})
        kept = _kept(classifier, result, row, name, picture, receipt, after)
        write_json(part / "result.json", kept)
        add(part, kept)
    return kept


def stem(name: str) -> str:
    """The file's name without folder and ending, fit to be part of a file name."""
    return plain(Path(name).stem)


def plain(text: str) -> str:
    """The text with whatever may not stand in a file name replaced."""
    return re.sub(r"[^\w.+-]+", "_", text).strip("._") or "photo"


def noise_at_full_range(photo: NDArray[np.uint8], picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The change, stretched so that its largest part spans the range; grey is no change."""
    change = picture.astype(np.float64) - photo.astype(np.float64)
    largest = max(1.0, float(np.abs(change).max()))
    stretched: NDArray[np.uint8] = np.rint(127.5 + 127.5 * change / largest).astype(np.uint8)
    return stretched


def _receipt(
    classifier: Classifier,
    result: AttackResult,
    row: int,
    photo: NDArray[np.uint8],
    image: NDArray[np.uint8],
) -> Receipt:
    before, after = (
        softmax(logits[row : row + 1])[0] for logits in (result.before_logits, result.after_logits)
    )
    l2, largest = distances(photo, image)
    return Receipt(
        classifier=classifier.digest(),
        photo=digest_of_pixels(photo),
        picture=digest_of_pixels(image),
        goal=classifier.class_name(int(result.goal[row])),
        before=classifier.class_name(int(before.argmax())),
        confidence_before=float(before.max()),
        after=classifier.class_name(int(after.argmax())),
        confidence=float(after.max()),
        l2=l2,
        largest_change=largest,
        attack=result.attack,
        settings=result.settings,
        seed=result.seed,
    )


def _kept(
    classifier: Classifier,
    result: AttackResult,
    row: int,
    name: str,
    picture: str,
    receipt: Receipt,
    after: Opinion,
) -> Kept:
    status = result.status[row]
    return Kept(
        photo=name,
        status=status,
        fooled=status is Status.REACHED and after.answer == receipt.goal,
        goal=receipt.goal,
        before=Opinion(receipt.before, receipt.confidence_before),
        after=after,
        picture=picture,
        l2=receipt.l2,
        largest_change=receipt.largest_change,
        factor=receipt.largest_change / 255,
        steps=int(result.backwards[row]),
        control=_control(classifier, result, row, receipt),
        attack=result.attack,
        settings=result.settings,
        seed=result.seed,
        classifier=receipt.classifier,
        advice=ADVICE[status],
    )


def _control(
    classifier: Classifier, result: AttackResult, row: int, receipt: Receipt
) -> Control | None:
    if receipt.l2 == 0:
        return None
    return random_control(
        classifier,
        result.photos[row],
        Goal(result.goal[row : row + 1]),
        receipt.l2,
        draws=DRAWS,
        seed=result.seed,
    )
