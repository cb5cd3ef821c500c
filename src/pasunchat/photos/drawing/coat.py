"""Colours, markings and expressions, drawn from the same chances for every animal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pasunchat.photos.drawing.canvas import (
    Colour,
    Frame,
    Points,
    Sheet,
    clear,
    closed_curve,
    ellipse,
    mix,
    points,
    ribbon,
)

BLACK: Colour = (20, 15, 17)
WHITE: Colour = (255, 255, 255)
LINE_WIDTH = 0.045  # of an animal's edges, in head radii

_DARK = 330  # a base whose channels sum to less is dark
_NECKWEAR_CHANCES = (0.4, 0.3, 0.15, 0.15)
_FURS: tuple[tuple[Colour, Colour, Colour], ...] = (  # base, markings, light parts
    ((226, 144, 72), (178, 92, 36), (252, 230, 200)),
    ((240, 214, 170), (196, 146, 92), (255, 246, 228)),
    ((146, 146, 152), (84, 84, 92), (226, 226, 230)),
    ((104, 116, 134), (64, 74, 92), (190, 200, 214)),
    ((66, 60, 62), (34, 30, 32), (212, 204, 198)),
    ((132, 88, 58), (78, 48, 30), (228, 196, 160)),
    ((92, 62, 48), (54, 34, 26), (210, 168, 128)),
    ((244, 240, 234), (176, 128, 84), (255, 253, 250)),
    ((206, 168, 116), (120, 82, 50), (248, 230, 202)),
    ((172, 150, 132), (98, 78, 66), (238, 226, 214)),
)
_IRISES: tuple[Colour, ...] = (
    (134, 178, 74), (206, 160, 52), (96, 160, 200), (168, 108, 52), (90, 164, 138), (222, 186, 96),
)  # fmt: skip
_NOSES: tuple[Colour, ...] = ((44, 36, 38), (60, 44, 42), (176, 102, 98))
_CLOTHS: tuple[Colour, ...] = (
    (208, 58, 58), (52, 120, 190), (58, 150, 96), (236, 184, 52), (150, 86, 170), (240, 130, 150),
)  # fmt: skip

Markings = Callable[[Sheet, Frame, Colour, np.random.Generator], None]


@dataclass(frozen=True)
class Coat:
    """What one animal wears on its shape: fur, colours and expression."""

    texture: Image.Image  # fur, as large as the sheet it is cut out for
    base: Colour
    light: Colour
    line: Colour
    contrast: Colour  # shows on the base
    nose: Colour
    iris: Colour
    cloth: Colour
    neckwear: int  # which of four: none, collar, bandana, bow
    blushing: bool
    mouth_open: bool
    eyes_open: tuple[bool, bool]  # left and right
    gaze: tuple[float, float]  # of the pupils, in head radii

    def cover(self, sheet: Sheet, frame: Frame, outline: Points, shade: int = 0) -> None:
        """Draw a furry shape with its edge, darkened by an opacity of 0 to 255."""
        sheet.cover(frame, outline, self.texture)
        if shade:
            sheet.fill(frame, outline, clear(self.line, shade))
        sheet.outline(frame, outline, self.line, LINE_WIDTH)


def random_coat(frame: Frame, side: int, rng: np.random.Generator) -> Coat:
    """A coat drawn at random for a sheet of `side` pixels, its markings placed in `frame`."""
    base, marking, light = _FURS[rng.integers(len(_FURS))]
    tint = rng.integers(-14, 15, size=3)
    base, marking = _tinted(base, tint), _tinted(marking, tint)
    line = mix(marking, BLACK, 0.6)
    wink = rng.random()
    return Coat(
        texture=_fur(frame, side, (base, marking, light), rng),
        base=base,
        light=light,
        line=line,
        contrast=light if sum(base) < _DARK else line,
        nose=_NOSES[rng.integers(len(_NOSES))],
        iris=_IRISES[rng.integers(len(_IRISES))],
        cloth=_CLOTHS[rng.integers(len(_CLOTHS))],
        neckwear=int(rng.choice(4, p=_NECKWEAR_CHANCES)),
        blushing=bool(rng.random() < 0.5),
        mouth_open=bool(rng.random() < 0.4),
        eyes_open=(wink > 0.08, not 0.05 < wink < 0.11),
        gaze=(float(rng.uniform(-0.03, 0.03)), float(rng.uniform(-0.02, 0.02))),
    )


def _fur(
    frame: Frame, side: int, colours: tuple[Colour, Colour, Colour], rng: np.random.Generator
) -> Image.Image:
    base, marking, light = colours
    sheet = Sheet(Image.new("RGB", (side, side), base))
    _MARKINGS[rng.integers(len(_MARKINGS))](sheet, frame, marking, rng)
    _add_hairs(sheet, frame, clear(light, 70), rng)
    _add_hairs(sheet, frame, clear(marking, 70), rng)
    return sheet.image


def _tinted(colour: Colour, tint: np.ndarray) -> Colour:
    return tuple(int(value) for value in np.clip(np.add(colour, tint), 0, 255))


def _add_hairs(sheet: Sheet, frame: Frame, colour: Colour, rng: np.random.Generator) -> None:
    for x, y, length in rng.uniform((-2.0, -1.6, 0.06), (3.5, 3.0, 0.14), size=(18, 3)):
        hair = points((x, y), (x + 0.3 * length, y + length))
        sheet.stroke(frame, hair, colour, 0.03)


def _no_markings(sheet: Sheet, frame: Frame, colour: Colour, rng: np.random.Generator) -> None:
    """Plain fur."""


def _stripes(sheet: Sheet, frame: Frame, colour: Colour, rng: np.random.Generator) -> None:
    for x, low in ((-0.26, -0.48), (0.0, -0.36), (0.26, -0.48)):
        stripe = points((x * 1.4, -1.0), (x * 1.1, -0.7), (x, low))
        sheet.fill(frame, ribbon(stripe, (0.09, 0.08, 0.0)), colour)
    for side in (-1, 1):
        for y in (0.12, 0.4):
            stripe = points((side * 1.2, y - 0.05), (side * 0.95, y), (side * 0.68, y - 0.02))
            sheet.fill(frame, ribbon(stripe, (0.08, 0.07, 0.0)), colour)
    gap = float(rng.uniform(0.3, 0.42))
    for place in np.arange(-2.0, 4.0, gap):
        sway = float(rng.uniform(-0.12, 0.12))
        stripe = points((place, 0.9), (place + 0.1 + sway, 1.5), (place - 0.05, 2.1), (place, 3.0))
        sheet.fill(frame, ribbon(stripe, (0.1, 0.05, 0.09, 0.04)), colour)


def _patches(sheet: Sheet, frame: Frame, colour: Colour, rng: np.random.Generator) -> None:
    for place in rng.uniform((-1.6, -1.4), (3.2, 2.8), size=(9, 2)):
        sheet.fill(frame, _blob(place, float(rng.uniform(0.3, 0.65)), rng), colour)


def _spots(sheet: Sheet, frame: Frame, colour: Colour, rng: np.random.Generator) -> None:
    for place in rng.uniform((-1.6, -1.4), (3.2, 2.8), size=(50, 2)):
        wide, high = rng.uniform(0.05, 0.14, size=2)
        sheet.fill(frame, ellipse(place[0], place[1], wide, high), colour)


def _mask(sheet: Sheet, frame: Frame, colour: Colour, rng: np.random.Generator) -> None:
    wide, high = rng.uniform((0.6, 0.55), (0.85, 0.8))
    sheet.fill(frame, ellipse(0.0, 0.15, wide, high), colour)
    sheet.fill(frame, points((-3.0, 2.4), (4.0, 2.4), (4.0, 4.0), (-3.0, 4.0)), colour)
    for side in (-1, 1):
        sheet.fill(frame, ellipse(side * 0.95, -1.1, 0.4, 0.6), colour)


def _half_face(sheet: Sheet, frame: Frame, colour: Colour, rng: np.random.Generator) -> None:
    side = 1.0 if rng.random() < 0.5 else -1.0
    half = points((0.1, -1.8), (0.25, -0.5), (0.2, 0.2), (0.9, 0.9), (1.8, 0.6), (1.8, -1.8))
    sheet.fill(frame, closed_curve(half * (side, 1.0)), colour)
    for place in rng.uniform((0.0, 1.0), (3.0, 2.6), size=(3, 2)):
        sheet.fill(frame, _blob(place, 0.5, rng), colour)


def _blob(centre: Points, radius: float, rng: np.random.Generator) -> Points:
    angles = np.arange(7) * (2 * np.pi / 7)
    radii = radius * rng.uniform(0.7, 1.25, size=7)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return closed_curve(centre + rays * radii[:, None])


_MARKINGS: tuple[Markings, ...] = (
    _no_markings,
    _stripes,
    _stripes,  # twice as likely
    _patches,
    _spots,
    _mask,
    _half_face,
)
