"""A smoker's pipe, neither cat nor dog, after Magritte's "La trahison des images".

Lengths are in shares of the picture's side; the pipe's middle is the origin.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from pasunchat.photos.drawing.canvas import (
    OVERSAMPLING,
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

_GROUNDS: tuple[Colour, ...] = ((238, 217, 176), (233, 211, 172), (240, 222, 188))
_WOODS: tuple[Colour, ...] = ((136, 74, 36), (122, 64, 34), (148, 84, 42))
_WOOD_SHADOW: Colour = (46, 22, 14)
_WOOD_LIGHT: Colour = (232, 168, 104)
_EBONITE: Colour = (34, 29, 30)
_BRASS: Colour = (206, 168, 84)
_BRASS_LIGHT: Colour = (250, 226, 160)
_WHITE: Colour = (255, 255, 255)

# fmt: off
_BOWL = closed_curve(points(
    (-0.38, -0.2), (-0.38, -0.2), (-0.395, -0.07), (-0.37, 0.08), (-0.3, 0.185), (-0.19, 0.225),
    (-0.07, 0.205), (0.04, 0.145), (0.14, 0.085), (0.14, 0.085), (0.115, 0.022), (0.115, 0.022),
    (0.02, 0.07), (-0.06, 0.075), (-0.105, 0.01), (-0.115, -0.09), (-0.11, -0.2), (-0.11, -0.2),
))
_STEM = points((0.12, 0.056), (0.2, 0.014), (0.3, -0.016), (0.4, -0.026), (0.46, -0.038))
_RING = points((0.112, 0.0595), (0.148, 0.0415))
_CORE = points((-0.246, -0.2), (-0.25, -0.06), (-0.222, 0.06), (-0.14, 0.135), (0.03, 0.108),
               (0.13, 0.052))
_GLINT = points((-0.322, -0.13), (-0.33, -0.05), (-0.312, 0.04), (-0.27, 0.11))
# fmt: on


def pipe_picture(size: int, rng: np.random.Generator) -> Image.Image:
    """A pipe on a plain warm ground: an RGB picture of `size` pixels square."""
    ground = _GROUNDS[rng.integers(len(_GROUNDS))]
    sheet = Sheet(Image.new("RGB", (size * OVERSAMPLING,) * 2, ground))
    x, y = rng.uniform((0.46, 0.47), (0.49, 0.51)).tolist()
    reach = float(rng.uniform(0.94, 1.0))
    pipe = sheet.frame().inside(x, y, reach, reach, float(rng.uniform(-0.06, 0.03)))
    _draw_ground(sheet, ground)
    _draw_stem(sheet, pipe)
    _draw_bowl(sheet, pipe, _WOODS[rng.integers(len(_WOODS))])
    _draw_ring(sheet, pipe)
    return sheet.image.reduce(OVERSAMPLING)


def _draw_ground(sheet: Sheet, ground: Colour) -> None:
    rim = mix(ground, (170, 130, 80), 0.25)
    for step in range(24):
        radius = 0.95 - 0.025 * step
        colour = mix(rim, ground, (step + 1) / 24)
        sheet.fill(sheet.frame(), ellipse(0.5, 0.5, radius, radius), colour)


def _draw_stem(sheet: Sheet, frame: Frame) -> None:
    sheet.fill(frame, ribbon(_STEM, (0.03, 0.026, 0.022, 0.018, 0.022)), _EBONITE)
    sheet.fill(frame, ellipse(0.46, -0.038, 0.013, 0.025, 0.2), _EBONITE)
    shine = _moved(_STEM, 0.0, -0.009)
    _soften(sheet, frame, shine, (0.004, 0.009, 0.009, 0.006, 0.0), clear(_WHITE, 16))


def _draw_bowl(sheet: Sheet, frame: Frame, wood: Colour) -> None:
    glow = _moved(_CORE, -0.025, -0.012)
    sheet.fill(frame, _BOWL, mix(wood, _WOOD_SHADOW, 0.6))
    _soften(sheet, frame, _CORE, (0.124, 0.126, 0.12, 0.074, 0.042, 0.028), clear(wood, 34))
    _soften(sheet, frame, glow, (0.07, 0.075, 0.06, 0.045, 0.02, 0.0), clear(_WOOD_LIGHT, 16))
    _soften(sheet, frame, _GLINT, (0.0, 0.012, 0.012, 0.0), clear(_WHITE, 24))
    sheet.fill(frame, ellipse(-0.245, -0.2, 0.135, 0.038), mix(wood, _WOOD_LIGHT, 0.45))
    sheet.fill(frame, ellipse(-0.245, -0.198, 0.112, 0.028), (36, 20, 15))
    sheet.fill(frame, ellipse(-0.24, -0.191, 0.094, 0.018), (14, 9, 8))


def _draw_ring(sheet: Sheet, frame: Frame) -> None:
    sheet.fill(frame, ribbon(_RING, (0.039, 0.036)), mix(_BRASS, _WOOD_SHADOW, 0.35))
    shine = _moved(_RING, -0.004, -0.01)
    _soften(sheet, frame, shine, (0.02, 0.018), clear(_BRASS_LIGHT, 40))


def _moved(path: Points, x: float, y: float) -> Points:
    moved: Points = path + np.array([x, y])
    return moved


def _soften(
    sheet: Sheet, frame: Frame, path: Points, half_widths: tuple[float, ...], colour: Colour
) -> None:
    for share in np.linspace(1.0, 0.15, 14).tolist():
        narrowed = tuple(width * share for width in half_widths)
        sheet.fill(frame, ribbon(path, narrowed), colour)
