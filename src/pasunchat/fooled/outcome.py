"""What is kept of one fooled photo, as result.json holds it."""

from dataclasses import dataclass

from pasunchat.attacks.protocol import Setting
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Prediction
from pasunchat.fooled.control import Control
from pasunchat.fooled.survival import Survival

ADVICE = {
    Status.REACHED: "",
    Status.ALREADY_WRONG: "it was read as the wanted class before anything was changed; name "
    "another class with --as",
    Status.NOT_REACHED: "try another class with --as, a larger --radius, a lower --confidence, or "
    "--effort thorough",
    Status.NO_GRADIENT: "the classifier gave no gradient to follow; it is saturated, or ends in "
    "something that cannot be differentiated",
}


@dataclass(frozen=True)
class Elsewhere:
    """What another model says of the photo before and of the picture; fooled: of the picture it
    says the goal, and did not of the photo."""

    model: str
    before: Prediction
    after: Prediction
    fooled: bool


@dataclass(frozen=True)
class Kept:
    """One photo's outcome.

    fooled: the goal is reached by the file as read back from disk. picture: the fooling PNG's
    name, or the closest try's. factor: the largest change as a share of the whole range (the
    talk's "+ 0.032x"). l2: pixels in [0, 1]. norm, distance: what was made small, and how small.
    values, pixels: how many changed. steps: gradients asked for; queries: pictures asked about.
    asked_confidence: the least confidence asked for. control: random noise of the same L2.
    survival: what becomes of it after common changes. demanded: those the search demanded; price:
    the distance as a multiple of that without them. elsewhere: other models. advice: what to do
    where it did not fool.
    """

    photo: str
    status: Status
    fooled: bool
    goal: str
    before: Prediction
    after: Prediction
    picture: str
    l2: float
    largest_change: int
    factor: float
    norm: str
    distance: float
    values: int
    pixels: int
    steps: int
    queries: int
    radius: float | None
    asked_confidence: float | None
    control: Control | None
    survival: tuple[Survival, ...]
    demanded: tuple[str, ...]
    price: float | None
    elsewhere: tuple[Elsewhere, ...]
    attack: str
    settings: dict[str, Setting]
    seed: int
    classifier: str
    advice: str
