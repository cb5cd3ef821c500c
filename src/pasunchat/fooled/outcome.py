"""What is recorded of one fooled photo: result.json."""

from dataclasses import dataclass

from pasunchat.attacks.result import RequestInfo, Status
from pasunchat.classifiers.classifier import Prediction
from pasunchat.fooled.control import Control
from pasunchat.fooled.survival import Survival

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

    photo: str  # the file it came from
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
    classifier: str  # its digest
    advice: str  # what to do where it was not fooled
