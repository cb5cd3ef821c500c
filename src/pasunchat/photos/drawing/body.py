"""Bodies to put a head on: bust, sitting, standing and lying, the same for every animal.

A body is drawn in a frame whose unit is the head's radius and whose origin is its centre.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pasunchat.photos.drawing.canvas import (
    Frame,
    Points,
    Sheet,
    both_sides,
    clear,
    closed_curve,
    ellipse,
    mix,
    open_curve,
    points,
    ribbon,
)
from pasunchat.photos.drawing.coat import BLACK, LINE_WIDTH, Coat


@dataclass(frozen=True)
class Pose:
    """A body and where its head may be; lengths in shares of the picture's side.

    `draw_body` takes the sheet, the body's frame, the coat and the tail's outline. `across`
    and `down` bound the head's centre when the animal faces left.
    """

    draw_body: Callable[[Sheet, Frame, Coat, Points], None]
    radius: tuple[float, float]
    across: tuple[float, float]
    down: tuple[float, float]


_SIDES = (-1, 1)

# fmt: off
_BUST = closed_curve(both_sides(points(
    (0.0, 0.3), (0.55, 0.7), (1.05, 1.3), (1.3, 2.2), (1.3, 3.2), (0.0, 3.4),
)))
_TORSO = closed_curve(both_sides(points(
    (0.0, 0.4), (0.5, 0.7), (0.72, 1.5), (1.0, 2.3), (0.85, 2.85), (0.0, 2.95),
)))
_TRUNK = closed_curve(points(
    (-0.3, 0.3), (0.8, 0.55), (1.9, 0.62), (2.75, 0.8), (2.95, 1.3), (2.5, 1.75), (1.5, 1.72),
    (0.5, 1.8), (0.05, 1.3),
))
_LOAF = closed_curve(points(
    (-0.6, 0.5), (0.6, 0.2), (1.7, 0.3), (2.5, 0.8), (2.6, 1.4), (2.2, 1.65), (0.6, 1.68),
    (-0.6, 1.6), (-0.8, 1.1),
))
_HAUNCH = open_curve(points((1.4, 1.5), (1.35, 1.0), (1.8, 0.75), (2.3, 1.0)))
_LEG = ribbon(points((0.0, 1.35), (0.0, 2.0), (-0.05, 2.66)), (0.3, 0.2, 0.17))
_KNEE = open_curve(points((0.52, 1.75), (0.5, 2.3), (0.52, 2.8)))
_BIB = closed_curve(both_sides(points((0.0, 0.6), (0.4, 0.95), (0.3, 1.6), (0.0, 1.9))))
_COLLAR = ribbon(
    points((-0.62, 0.72), (-0.3, 1.0), (0.0, 1.08), (0.3, 1.0), (0.62, 0.72)), (0.08, 0.09, 0.08),
)
_BANDANA = closed_curve(both_sides(points(
    (0.0, 1.0), (0.6, 0.74), (0.6, 0.74), (0.3, 1.2), (0.0, 1.62), (0.0, 1.62),
)))
_BOW = closed_curve(points(
    (0.0, 1.1), (0.36, 0.92), (0.4, 1.15), (0.36, 1.36), (0.0, 1.2), (-0.36, 1.36), (-0.4, 1.15),
    (-0.36, 0.92),
))
# fmt: on


def _draw_shadow(sheet: Sheet, frame: Frame, x: float, y: float, wide: float) -> None:
    for spread in (1.0, 0.85, 0.7):
        sheet.fill(frame, ellipse(x, y, wide * spread, 0.22 * spread), (20, 14, 20, 34))


def _draw_paw(sheet: Sheet, frame: Frame, coat: Coat, x: float, y: float) -> None:
    coat.cover(sheet, frame, ellipse(x, y, 0.28, 0.18))
    sheet.fill(frame, ellipse(x, y, 0.24, 0.14), clear(coat.light, 120))
    for toe in (-0.09, 0.09):
        line = points((x + toe, y + 0.02), (x + toe, y + 0.15))
        sheet.stroke(frame, line, coat.line, 0.03)


def _draw_leg(sheet: Sheet, frame: Frame, coat: Coat, x: float, shade: int) -> None:
    coat.cover(sheet, frame.inside(x, 0.0), _LEG, shade)
    _draw_paw(sheet, frame, coat, x - 0.12, 2.68)
    sheet.cover(frame, ellipse(x, 1.35, 0.32, 0.3), coat.texture)  # joins the trunk


def _draw_neckwear(sheet: Sheet, frame: Frame, coat: Coat) -> None:
    _NECKWEAR[coat.neckwear](sheet, frame, coat)


def _no_neckwear(sheet: Sheet, frame: Frame, coat: Coat) -> None:
    """A bare neck."""


def _draw_tagged_collar(sheet: Sheet, frame: Frame, coat: Coat) -> None:
    tag = ellipse(0.0, 1.24, 0.13, 0.13)
    sheet.fill(frame, _COLLAR, coat.cloth)
    sheet.outline(frame, _COLLAR, mix(coat.cloth, BLACK, 0.5), 0.03)
    sheet.fill(frame, tag, (246, 206, 84))
    sheet.outline(frame, tag, (150, 110, 30), 0.03)


def _draw_bandana(sheet: Sheet, frame: Frame, coat: Coat) -> None:
    sheet.fill(frame, _BANDANA, coat.cloth)
    sheet.outline(frame, _BANDANA, mix(coat.cloth, BLACK, 0.5), 0.03)
    for x, y in ((-0.22, 1.05), (0.22, 1.05), (0.0, 1.2), (0.0, 1.42)):
        sheet.fill(frame, ellipse(x, y, 0.05, 0.05), (255, 255, 255, 210))


def _draw_bow(sheet: Sheet, frame: Frame, coat: Coat) -> None:
    edge = mix(coat.cloth, BLACK, 0.5)
    sheet.fill(frame, _COLLAR, edge)
    for shape in (_BOW, ellipse(0.0, 1.15, 0.1, 0.12)):
        sheet.fill(frame, shape, coat.cloth)
        sheet.outline(frame, shape, edge, 0.03)


_NECKWEAR = (_no_neckwear, _draw_tagged_collar, _draw_bandana, _draw_bow)


def _draw_bust(sheet: Sheet, frame: Frame, coat: Coat, tail: Points) -> None:
    coat.cover(sheet, frame.inside(1.15, 1.7), tail)
    coat.cover(sheet, frame, _BUST)
    sheet.fill(frame, _BIB, clear(coat.light, 200))
    _draw_neckwear(sheet, frame, coat)


def _draw_sitting(sheet: Sheet, frame: Frame, coat: Coat, tail: Points) -> None:
    _draw_shadow(sheet, frame, 0.0, 2.95, 1.5)
    coat.cover(sheet, frame.inside(0.7, 2.6), tail)
    coat.cover(sheet, frame, _TORSO)
    sheet.fill(frame, _BIB, clear(coat.light, 200))
    for side in _SIDES:
        _draw_paw(sheet, frame, coat, side * 0.82, 2.84)
    for side in _SIDES:
        sheet.stroke(frame, _KNEE * (side, 1.0), clear(coat.line, 150), 0.03)
        _draw_paw(sheet, frame, coat, side * 0.3, 2.92)
    sheet.stroke(frame, points((0.0, 2.0), (0.0, 2.8)), coat.line, 0.03)
    _draw_neckwear(sheet, frame, coat)


def _draw_standing(sheet: Sheet, frame: Frame, coat: Coat, tail: Points) -> None:
    _draw_shadow(sheet, frame, 1.5, 2.75, 1.9)
    coat.cover(sheet, frame.inside(2.75, 0.95), tail)
    for x in (0.95, 2.2):
        _draw_leg(sheet, frame, coat, x, shade=70)
    coat.cover(sheet, frame, _TRUNK)
    for x in (0.5, 2.62):
        _draw_leg(sheet, frame, coat, x, shade=0)
    _draw_neckwear(sheet, frame, coat)


def _draw_lying(sheet: Sheet, frame: Frame, coat: Coat, tail: Points) -> None:
    _draw_shadow(sheet, frame, 0.9, 1.62, 2.1)
    coat.cover(sheet, frame.inside(2.4, 1.4), tail)
    coat.cover(sheet, frame, _LOAF)
    sheet.stroke(frame, _HAUNCH, clear(coat.line, 150), LINE_WIDTH)
    for x, y in ((1.55, 1.6), (-0.5, 1.55), (0.2, 1.55)):
        _draw_paw(sheet, frame, coat, x, y)
    _draw_neckwear(sheet, frame, coat)


POSES: tuple[Pose, ...] = (
    Pose(_draw_bust, radius=(0.22, 0.27), across=(0.42, 0.58), down=(0.45, 0.54)),
    Pose(_draw_sitting, radius=(0.18, 0.21), across=(0.41, 0.57), down=(0.31, 0.37)),
    Pose(_draw_standing, radius=(0.16, 0.19), across=(0.26, 0.33), down=(0.37, 0.45)),
    Pose(_draw_lying, radius=(0.18, 0.22), across=(0.28, 0.37), down=(0.42, 0.52)),
)
