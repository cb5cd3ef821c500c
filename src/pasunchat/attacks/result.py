"""What an attack found."""

from dataclasses import dataclass
from enum import StrEnum

from torch import Tensor

from pasunchat.attacks.protocol import Setting


class Status(StrEnum):
    """How a row ended. Everything is judged on the pixels as they would be saved."""

    ALREADY_WRONG = "already_wrong"
    REACHED = "reached"
    NOT_REACHED = "not_reached"
    NO_GRADIENT = "no_gradient"


@dataclass(frozen=True)
class AttackResult:
    """Rows in the order of the photos.

    photos: the pixels as they were, [N, 3, H, W]. pixels: the same changed, on the grid where the
    problem has levels; the closest try where the goal was not reached. distance: of the change,
    in the problem's norm, [N]. margin: of the goal, [N].
    goal: the class to reach, or to leave, [N]. before, after: class indices, [N].
    before_logits, after_logits: [N, C], each row asked alone. forwards, backwards: queries, [N].
    """

    photos: Tensor
    pixels: Tensor
    status: tuple[Status, ...]
    distance: Tensor
    margin: Tensor
    goal: Tensor
    before_logits: Tensor
    after_logits: Tensor
    forwards: Tensor
    backwards: Tensor
    norm: str
    radius: float | None
    confidence: float | None
    attack: str
    settings: dict[str, Setting]
    seed: int

    @property
    def before(self) -> Tensor:
        """The class of each photo as it was, int64 [N]."""
        return self.before_logits.argmax(1)

    @property
    def after(self) -> Tensor:
        """The class of each result, int64 [N]."""
        return self.after_logits.argmax(1)
