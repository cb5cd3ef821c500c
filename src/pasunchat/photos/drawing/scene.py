"""What surrounds an animal: the place, things about it, things before it, and the light."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from pasunchat.photos.drawing.canvas import (
    OVERSAMPLING,
    Colour,
    Frame,
    Sheet,
    clear,
    ellipse,
    mix,
    points,
    ribbon,
)

_WHITE: Colour = (255, 255, 255)
_BLACK: Colour = (16, 12, 14)
_WHOLE = points((0, 0), (1, 0), (1, 1), (0, 1))

Part = Callable[[Sheet, Frame, np.random.Generator], None]


def background(size: int, rng: np.random.Generator) -> Image.Image:
    """A place with things about it: an RGB picture, `OVERSAMPLING` times `size` pixels square."""
    sheet = Sheet(Image.new("RGB", (size, size), _any_colour(rng)))
    frame = sheet.frame()
    _PLACES[rng.integers(len(_PLACES))](sheet, frame, rng)
    for _ in range(rng.integers(0, 4)):
        x, y = rng.uniform((0.05, 0.25), (0.95, 0.9))
        reach = float(rng.uniform(0.06, 0.15))
        turn = float(rng.uniform(-0.3, 0.3))
        _THINGS[rng.integers(len(_THINGS))](sheet, frame.inside(x, y, reach, reach, turn), rng)
    soft = sheet.image.filter(ImageFilter.BoxBlur(size * float(rng.uniform(0.004, 0.018))))
    return soft.resize((size * OVERSAMPLING,) * 2, Image.Resampling.NEAREST)


def draw_foreground(sheet: Sheet, rng: np.random.Generator) -> None:
    """Cover a part of the picture, two times in five."""
    if rng.random() < 0.4:
        _COVERS[rng.integers(len(_COVERS))](sheet, sheet.frame(), rng)


def lit(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The picture under a random light: brightness, contrast, cast, direction, corners, noise."""
    side = image.width
    across = np.linspace(-1, 1, side, dtype=np.float32)
    slope_x, slope_y = rng.uniform(-0.18, 0.18, size=2).astype(np.float32)
    corners = np.float32(rng.uniform(0, 0.16)) * across**2
    field = 1 + slope_x * across - corners + (slope_y * across - corners)[:, None]
    grain = rng.standard_normal((side, side, 1), dtype=np.float32)
    grain *= np.float32(rng.uniform(0, 5))
    pixels = np.asarray(_toned(image, rng)) * field[:, :, None]
    pixels += grain
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))


def _toned(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    contrast = float(rng.uniform(0.8, 1.15))
    gains = rng.uniform(0.94, 1.06, size=3) * rng.uniform(0.85, 1.2)
    levels = (np.arange(256) - 128) * contrast + 128
    table = np.clip(gains[:, None] * levels, 0, 255).astype(np.uint8)
    return image.point(table.ravel().tolist())


def _any_colour(rng: np.random.Generator) -> Colour:
    return tuple(int(value) for value in rng.integers(50, 235, size=3))


def _soft_colour(rng: np.random.Generator) -> Colour:
    return mix(_any_colour(rng), (220, 210, 196), 0.45)


def _gradient(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    first, second = _any_colour(rng), _soft_colour(rng)
    for row in range(24):
        top, low = row / 24, (row + 1) / 24
        band = points((0, top), (1, top), (1, low), (0, low))
        sheet.fill(frame, band, mix(first, second, row / 23))


def _spotlight(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    side = sheet.image.width
    left, top = (side * rng.uniform(0.3, 0.7, size=2)).astype(int).tolist()
    glow = Image.radial_gradient("L").resize((2 * side, 2 * side))
    sheet.fill(frame, _WHOLE, _soft_colour(rng))
    sheet.image.paste(_any_colour(rng), (0, 0), glow.crop((left, top, left + side, top + side)))


def _room(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    wall, floor, trim = _soft_colour(rng), _any_colour(rng), _soft_colour(rng)
    corner = float(rng.uniform(0.52, 0.82))
    sheet.fill(frame, points((0, 0), (1, 0), (1, corner), (0, corner)), wall)
    sheet.fill(frame, points((0, corner), (1, corner), (1, 1), (0, 1)), floor)
    for x in np.linspace(-0.6, 1.6, 9):
        board = points((0.5 + (x - 0.5) * 0.6, corner), (x, 1.0))
        sheet.stroke(frame, board, clear(_BLACK, 60), 0.006)
    sheet.fill(
        frame, points((0, corner - 0.03), (1, corner - 0.03), (1, corner), (0, corner)), trim
    )
    _window(sheet, frame.inside(float(rng.uniform(0.1, 0.9)), 0.25, 0.16, 0.2), rng)


def _window(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    sheet.fill(frame, points((-1.1, -1.1), (1.1, -1.1), (1.1, 1.1), (-1.1, 1.1)), _any_colour(rng))
    sheet.fill(frame, points((-1, -1), (1, -1), (1, 1), (-1, 1)), (190, 220, 240))
    for bar in (points((0, -1), (0, 1)), points((-1, 0), (1, 0))):
        sheet.stroke(frame, bar, (120, 100, 90), 0.12)


def _meadow(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    sky = mix((130, 190, 236), _any_colour(rng), 0.35)
    grass = mix((96, 160, 72), _any_colour(rng), 0.35)
    sheet.fill(frame, _WHOLE, sky)
    x, y = rng.uniform((0.05, 0.05), (0.95, 0.25)).tolist()
    sheet.fill(frame, ellipse(x, y, 0.09, 0.09), (255, 236, 150))
    for x, y in rng.uniform((0.0, 0.05), (1.0, 0.4), size=(3, 2)).tolist():
        _cloud(sheet, frame.inside(x, y, 0.12, 0.12))
    horizon = float(rng.uniform(0.45, 0.7))
    for peak in rng.uniform(0, 1, size=3):
        hill = points(
            (peak - 0.3, horizon + 0.05), (peak, horizon - 0.22), (peak + 0.3, horizon + 0.05)
        )
        sheet.fill(frame, hill, mix(sky, grass, float(rng.uniform(0.3, 0.8))))
    sheet.fill(frame, points((0, horizon), (1, horizon), (1, 1), (0, 1)), grass)
    for x, y in rng.uniform((0, horizon), (1, 1), size=(28, 2)):
        blade = points((x, y), (x + 0.01, y - 0.045))
        sheet.stroke(frame, blade, mix(grass, _BLACK, 0.25), 0.008)


def _cloud(sheet: Sheet, frame: Frame) -> None:
    for x, y, radius in ((-0.6, 0.0, 0.36), (0.0, -0.16, 0.5), (0.55, 0.0, 0.4)):
        sheet.fill(frame, ellipse(x, y, radius * 1.2, radius), clear(_WHITE, 190))


def _stripes(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    colour, other = _soft_colour(rng), _any_colour(rng)
    lean, count = float(rng.uniform(-0.5, 0.5)), int(rng.integers(4, 9))
    sheet.fill(frame, _WHOLE, colour)
    for left in np.arange(-1, 2, 1 / count):
        right = left + 0.5 / count
        band = points((left, 0), (right, 0), (right + lean, 1), (left + lean, 1))
        sheet.fill(frame, band, mix(colour, other, 0.5))


def _dots(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    colour, other = _soft_colour(rng), _any_colour(rng)
    gap = float(rng.uniform(0.11, 0.2))
    sheet.fill(frame, _WHOLE, colour)
    for row, y in enumerate(np.arange(0, 1.1, gap)):
        for x in np.arange(gap / 2 * (row % 2), 1.1, gap):
            sheet.fill(frame, ellipse(x, y, gap / 5, gap / 5), mix(colour, other, 0.6))


def _ball(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    colour = _any_colour(rng)
    sheet.fill(frame, ellipse(0, 0, 1, 1), mix(colour, _BLACK, 0.3))
    sheet.fill(frame, ellipse(-0.05, -0.07, 0.9, 0.88), colour)
    sheet.fill(
        frame,
        ribbon(points((-0.7, -0.6), (0, -0.25), (0.75, -0.5)), (0.14, 0.14)),
        _any_colour(rng),
    )
    sheet.fill(frame, ellipse(-0.35, -0.45, 0.2, 0.14, 0.6), (255, 255, 255, 150))


def _box(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    colour = mix(_any_colour(rng), (190, 146, 96), 0.6)
    sheet.fill(frame, points((-1, -0.7), (1, -0.7), (1, 0.9), (-1, 0.9)), colour)
    sheet.fill(
        frame, points((-1, -0.7), (1, -0.7), (0.8, -1.0), (-0.8, -1.0)), mix(colour, _BLACK, 0.3)
    )
    sheet.fill(
        frame,
        points((-0.15, -0.7), (0.15, -0.7), (0.15, 0.9), (-0.15, 0.9)),
        mix(colour, _WHITE, 0.3),
    )


def _plant(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    green = mix((70, 140, 80), _any_colour(rng), 0.3)
    for turn in rng.uniform(-1.1, 1.1, size=6):
        leaf = frame.inside(0, 0, 1, 1, float(turn))
        sheet.fill(leaf, ribbon(points((0, 0), (0, -0.8), (0.15, -1.6)), (0.06, 0.26, 0.0)), green)
        sheet.stroke(leaf, points((0, 0), (0, -0.8), (0.15, -1.5)), mix(green, _BLACK, 0.3), 0.05)
    sheet.fill(frame, points((-0.6, 0), (0.6, 0), (0.45, 1), (-0.45, 1)), _any_colour(rng))


def _bunting(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    for x in (-2.0, -1.0, 0.0, 1.0, 2.0):
        top = 0.08 * x * x * -1
        flag = points((x - 0.45, top), (x + 0.45, top), (x, top + rng.choice((-0.9, 0.9))))
        sheet.fill(frame, flag, _any_colour(rng))


def _mug(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    colour = _any_colour(rng)
    sheet.outline(frame, ellipse(0.75, 0.1, 0.4, 0.45), colour, 0.2)
    sheet.fill(frame, points((-0.7, -0.8), (0.7, -0.8), (0.6, 0.9), (-0.6, 0.9)), colour)
    sheet.fill(frame, ellipse(0, -0.8, 0.7, 0.18), mix(colour, _BLACK, 0.5))


def _apple(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    skin = mix((128, 186, 70), _any_colour(rng), 0.3)
    for side in (-0.35, 0.35):
        sheet.fill(frame, ellipse(side, 0.0, 0.62, 0.85, side * 0.5), skin)
    sheet.fill(frame, ellipse(-0.45, -0.3, 0.16, 0.26, 0.5), clear(_WHITE, 120))
    sheet.stroke(frame, points((0.0, -0.6), (0.08, -1.1)), (90, 60, 40), 0.12)
    sheet.fill(frame, ribbon(points((0.06, -0.9), (0.4, -1.1), (0.75, -1.0)), (0, 0.18, 0)), skin)


def _bowler_hat(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    felt = mix((52, 48, 54), _any_colour(rng), 0.3)
    sheet.fill(frame, ellipse(0.0, -0.05, 0.75, 0.8), felt)
    sheet.fill(
        frame, points((-0.75, 0.1), (0.75, 0.1), (0.78, 0.4), (-0.78, 0.4)), _any_colour(rng)
    )
    sheet.fill(frame, ellipse(0.0, 0.45, 1.25, 0.22), mix(felt, _BLACK, 0.2))


def _leaves_before(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    x = float(rng.choice((0.0, 1.0)) + rng.uniform(-0.08, 0.08))
    reach = float(rng.uniform(0.2, 0.32))
    _plant(sheet, frame.inside(x, 1.02, reach, reach), rng)


def _bars_before(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    colour, wide = _any_colour(rng), float(rng.uniform(0.015, 0.032))
    gap, first = float(rng.uniform(0.3, 0.45)), float(rng.uniform(0.0, 0.3))
    for x in np.arange(first, 1.0, gap):
        sheet.fill(
            frame, points((x - wide, 0), (x + wide, 0), (x + wide, 1), (x - wide, 1)), colour
        )
        sheet.fill(frame, points((x - wide, 0), (x, 0), (x, 1), (x - wide, 1)), (255, 255, 255, 40))


def _ball_before(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    x, y = rng.uniform((0.1, 0.72), (0.9, 0.95))
    reach = float(rng.uniform(0.06, 0.12))
    _ball(sheet, frame.inside(x, y, reach, reach, float(rng.uniform(-1, 1))), rng)


def _box_before(sheet: Sheet, frame: Frame, rng: np.random.Generator) -> None:
    x, y = rng.uniform((0.25, 1.0), (0.75, 1.12))
    _box(sheet, frame.inside(x, y, float(rng.uniform(0.3, 0.5)), 0.28), rng)


_PLACES: tuple[Part, ...] = (_gradient, _spotlight, _room, _room, _meadow, _meadow, _stripes, _dots)
_THINGS: tuple[Part, ...] = (_ball, _box, _plant, _bunting, _mug, _apple, _bowler_hat)
_COVERS: tuple[Part, ...] = (_leaves_before, _bars_before, _ball_before, _box_before)
