"""What an attack was asked for, and what it found: the values that are handed on and recorded."""

from dataclasses import dataclass
from enum import StrEnum

from torch import Tensor

from pasunchat.attacks.protocol import Effort, Setting


@dataclass(frozen=True)
class RequestInfo:
    """A request in plain values, as it is recorded in results, receipts and folders."""

    attack: str  # its name in ATTACKS
    settings: dict[str, Setting]  # the attack's
    norm: str
    radius: float | None
    confidence: float | None
    levels: int | None
    mask: str | None  # SHA-256 of the mask
    effort: Effort
    seconds: float | None
    seed: int


class Status(StrEnum):
    """How a row ended. Everything is judged on the pixels as they would be saved."""

    ALREADY_WRONG = "already_wrong"
    REACHED = "reached"
    NOT_REACHED = "not_reached"
    NO_GRADIENT = "no_gradient"


@dataclass(frozen=True)
class AttackResult:
    """Rows in the order of the photos."""

    photos: Tensor  # the pixels as they were, [N, 3, H, W]
    pixels: Tensor  # the same changed, on the grid; the closest try where it was not reached
    status: tuple[Status, ...]
    distance: Tensor  # [N], of the change, in the norm asked for
    margin: Tensor  # [N], of the goal
    goal: Tensor  # int64 [N]: the class to reach, or to leave
    before_logits: Tensor  # [N, C], each row asked alone
    after_logits: Tensor  # [N, C]
    forwards: Tensor  # int64 [N]: queries
    backwards: Tensor  # int64 [N]: gradients
    request: RequestInfo
    classes: tuple[str, ...] = ()  # names in the order of the logits; empty: they are numbered

    @property
    def before(self) -> Tensor:
        """The class of each photo as it was, int64 [N]."""
        return self.before_logits.argmax(1)

    @property
    def after(self) -> Tensor:
        """The class of each result, int64 [N]."""
        return self.after_logits.argmax(1)
