"""Curves, frames and a supersampled sheet: what every drawing is made with.

Points are float arrays of shape (n, 2), x to the right and y down.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Points = npt.NDArray[np.float64]
Colour = tuple[int, ...]  # red, green, blue and maybe opacity, each 0-255

OVERSAMPLING = 2  # a sheet is this many times as large as the finished picture

_ELLIPSE_ANGLES = np.linspace(0.0, 2 * pi, 36, endpoint=False)
_UNIT_CIRCLE: Points = np.stack([np.cos(_ELLIPSE_ANGLES), np.sin(_ELLIPSE_ANGLES)], axis=1)
_STEP = np.arange(7) / 7
_CATMULL_ROM = 0.5 * np.stack(
    [
        -_STEP + 2 * _STEP**2 - _STEP**3,
        2 - 5 * _STEP**2 + 3 * _STEP**3,
        _STEP + 4 * _STEP**2 - 3 * _STEP**3,
        -(_STEP**2) + _STEP**3,
    ],
    axis=1,
)


def points(*pairs: tuple[float, float]) -> Points:
    """The (n, 2) array of the given (x, y) pairs."""
    return np.array(pairs, dtype=np.float64)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour that lies `share` (0-1) of the way from `first` to `second`."""
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=False))


def clear(colour: Colour, opacity: int) -> Colour:
    """The same colour with an opacity of 0 (unseen) to 255 (solid)."""
    return (*colour[:3], opacity)


def ellipse(x: float, y: float, wide: float, high: float, turn: float = 0.0) -> Points:
    """A closed outline: an ellipse of half-axes `wide` and `high`, turned by `turn` radians."""
    rotation = np.array([[cos(turn), sin(turn)], [-sin(turn), cos(turn)]])
    turned: Points = (_UNIT_CIRCLE * (wide, high)) @ rotation + (x, y)
    return turned


def mirrored(outline: Points) -> Points:
    """The outline seen in a mirror standing on the y axis."""
    return outline * (-1.0, 1.0)


def both_sides(right_half: Points) -> Points:
    """Control points of a closed outline from its right half, listed top to bottom."""
    inner = right_half[right_half[:, 0] > 0]
    return np.concatenate([right_half, mirrored(inner)[::-1]])


def closed_curve(control: Points) -> Points:
    """A smooth closed outline through the control points; a doubled point is a corner."""
    return _interpolated(np.concatenate([control[-1:], control, control[:2]]))


def open_curve(control: Points) -> Points:
    """A smooth line through the control points, from the first to the last."""
    padded = np.concatenate([control[:1], control, control[-1:]])
    return np.concatenate([_interpolated(padded), control[-1:]])


def ribbon(path: Points, half_widths: tuple[float, ...]) -> Points:
    """The closed outline of a band along a smooth path, its half-widths spread evenly along it."""
    line = open_curve(path)
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    places = np.linspace(0, len(half_widths) - 1, len(line))
    half = np.interp(places, np.arange(len(half_widths)), half_widths)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * half
    return np.concatenate([line + across, (line - across)[::-1]])


def _interpolated(control: Points) -> Points:
    windows = control[np.arange(len(control) - 3)[:, None] + np.arange(4)]  # span, point, xy
    windows = windows[np.any(windows[:, 1] != windows[:, 2], axis=1)]  # a corner has no span
    curve: Points = (_CATMULL_ROM @ windows).reshape(-1, 2)
    return curve


@dataclass(frozen=True)
class Frame:
    """Where drawing units lie on a sheet: a (2, 2) matrix and the origin, in sheet pixels."""

    matrix: Points
    origin: Points

    @property
    def unit(self) -> float:
        """The length of one drawing unit, in sheet pixels."""
        (a, b), (c, d) = self.matrix.tolist()
        return float(abs(a * d - b * c) ** 0.5)

    def place(self, outline: Points) -> Points:
        """The outline in sheet pixels."""
        return outline @ self.matrix.T + self.origin

    def inside(
        self, x: float, y: float, wide: float = 1.0, high: float = 1.0, turn: float = 0.0
    ) -> Frame:
        """A frame whose origin is (x, y) here, scaled by `wide` and `high`, turned in radians."""
        turned = np.array([[cos(turn), -sin(turn)], [sin(turn), cos(turn)]])
        matrix = self.matrix @ turned @ np.diag([wide, high])
        return Frame(matrix, self.place(points((x, y)))[0])


class Sheet:
    """A square picture drawn on in frames, larger than the finished one."""

    def __init__(self, image: Image.Image) -> None:
        self.image = image
        self._opaque = ImageDraw.Draw(image)
        self._blended = ImageDraw.Draw(image, "RGBA")  # several times slower

    def frame(self) -> Frame:
        """The frame whose unit is the sheet's side, from its top left corner."""
        return Frame(np.eye(2) * self.image.width, np.zeros(2))

    def fill(self, frame: Frame, outline: Points, colour: Colour) -> None:
        """Fill a closed outline."""
        self._pencil(colour).polygon(frame.place(outline).ravel().tolist(), fill=colour)

    def stroke(self, frame: Frame, line: Points, colour: Colour, width: float) -> None:
        """Draw a line; `width` in units of the frame, never under one sheet pixel."""
        pixels = max(1, round(width * frame.unit))
        self._pencil(colour).line(frame.place(line).ravel().tolist(), fill=colour, width=pixels)

    def outline(self, frame: Frame, outline: Points, colour: Colour, width: float) -> None:
        """Draw the line around a closed outline; `width` in units of the frame."""
        self.stroke(frame, np.concatenate([outline, outline[:2]]), colour, width)

    def cover(self, frame: Frame, outline: Points, texture: Image.Image) -> None:
        """Fill a closed outline with what `texture`, as large as the sheet, shows there."""
        placed = frame.place(outline)
        side = self.image.width
        left, top = np.clip(np.floor(placed.min(axis=0)), 0, side).astype(int).tolist()
        right, bottom = np.clip(np.ceil(placed.max(axis=0)) + 1, 0, side).astype(int).tolist()
        if left >= right or top >= bottom:
            return
        mask = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(mask).polygon((placed - (left, top)).ravel().tolist(), fill=255)
        self.image.paste(texture.crop((left, top, right, bottom)), (left, top), mask)

    def _pencil(self, colour: Colour) -> ImageDraw.ImageDraw:
        return self._opaque if len(colour) == 3 else self._blended
