"""What an attack was asked for, and what it found: the values that are handed on and recorded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pasunchat.attacks.problem import TINY
from pasunchat.attacks.protocol import Effort, Setting
from pasunchat.extras import extra
from pasunchat.norms import NORMS, ROUNDING
from pasunchat.parsing import number
from pasunchat.words import count, factor, percent

if TYPE_CHECKING:
    from pandas import DataFrame

SHOWN, SIDE = 4, 224  # photos in a notebook, and the side of a picture there, at most


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

    def size_in_words(self, distance: float) -> str:
        """A distance in the norm asked for, as people read it."""
        norm = NORMS.get(self.norm)
        return norm.in_words(distance) if norm else f"{self.norm} {distance:.3g}"


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

    def reached_within(self, radii: Sequence[float | str]) -> Tensor:
        """Whether each photo met the goal within each radius, bool [R, N]: as it was, or by a
        change found that is no larger. False says only that this attack found none."""
        values = [number(radius) if isinstance(radius, str) else radius for radius in radii]
        ends = torch.tensor(values, dtype=torch.float64)[:, None] * (1 + ROUNDING) + TINY
        met = [status in (Status.REACHED, Status.ALREADY_WRONG) for status in self.status]
        return torch.tensor(met) & (self.distance.double() <= ends)

    def class_name(self, index: int) -> str:
        """The name of a class, or its number where there are no names."""
        return self.classes[index] if self.classes else str(index)

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {status}" for status, n in Counter(self.status).items())
        reached = sorted(
            float(size)
            for size, status in zip(self.distance, self.status, strict=True)
            if status is Status.REACHED
        )
        said = [self.request.size_in_words(size) for size in reached]
        sizes = f"; {said[0]}" if said else ""
        if len(set(said)) > 1:
            sizes += f" to {said[-1]}, median {said[(len(said) - 1) // 2]}"
        whole = f"{count(len(self.status), 'photo')}, {self.request.attack}"
        return f"<AttackResult: {whole}: {counts}{sizes}>"

    def _repr_html_(self) -> str:
        """The talk's row of three pictures for each of the first photos, for a notebook."""
        from pasunchat.pictures.lettering import near_side
        from pasunchat.pictures.notebook import picture_html
        from pasunchat.pictures.row import drawn_noise, gain_in_words, noise_gain, with_captions

        parts = [f"<p>{escape(repr(self))}</p>"]
        for row in range(min(len(self.status), SHOWN)):
            photo, picture = (
                part[row].detach().cpu().permute(1, 2, 0).double().numpy() * 255
                for part in (self.photos, self.pixels)
            )
            gain = noise_gain(photo, picture)
            noise = drawn_noise(photo, picture, gain)
            images = [np.rint(image).astype(np.uint8) for image in (photo, noise, picture)]
            pictures = [near_side(image, SIDE) for image in images]
            sheet = with_captions(pictures, self._said(row), gain_in_words(gain))
            caption = f"{self.status[row]}, {self.request.size_in_words(float(self.distance[row]))}"
            parts.append(picture_html(sheet, caption))
        left = len(self.status) - SHOWN
        return "".join(parts) + (f"<p>and {count(left)} more</p>" if left > 0 else "")

    def to_pandas(self) -> "DataFrame":
        """A row a photo. Raises PasunchatError without pandas."""
        columns = self._answers(self.before_logits), self._answers(self.after_logits)
        (before, sure_before), (after, sure_after) = columns
        return extra("pandas", "pandas").DataFrame(
            {
                "status": [str(status) for status in self.status],
                "before": before,
                "confidence_before": sure_before,
                "after": after,
                "confidence": sure_after,
                "goal": [self.class_name(index) for index in self.goal.tolist()],
                "distance": self.distance.tolist(),
                "margin": self.margin.tolist(),
                "forwards": self.forwards.tolist(),
                "backwards": self.backwards.tolist(),
            }
        )

    def _answers(self, logits: Tensor) -> tuple[list[str], list[float]]:
        """The class of each row and the confidence in it."""
        confidence, classes = logits.double().softmax(1).max(1)
        return [self.class_name(index) for index in classes.tolist()], confidence.tolist()

    def _said(self, row: int) -> tuple[str, str, str]:
        """What stands over the three pictures."""
        (before,), (sure_before,) = self._answers(self.before_logits[row : row + 1])
        (after,), (sure_after,) = self._answers(self.after_logits[row : row + 1])
        largest = float((self.pixels[row] - self.photos[row]).abs().max())
        return (
            f"{before} {percent(sure_before)}",
            f"+ {factor(largest)} x noise" if largest else "+ nothing",
            f"= {'still ' if after == before else ''}{after} {percent(sure_after)}",
        )
