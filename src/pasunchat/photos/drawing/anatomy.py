"""The shapes that make a cat a cat and a dog a dog: values, and no drawing.

Lengths are in head radii. The head is centred on (0, 0), x to the right and y down; what
comes in pairs is given for the right side. A doubled point in a curve is a corner.
"""

from __future__ import annotations

from dataclasses import dataclass

from pasunchat.photos.drawing.canvas import (
    Points,
    both_sides,
    closed_curve,
    open_curve,
    points,
    ribbon,
)


@dataclass(frozen=True)
class Ear:
    """One ear: its closed outline and that of the inside that shows."""

    outline: Points
    inside: Points
    over_head: bool  # hangs in front of the head, or stands behind it


@dataclass(frozen=True)
class Eye:
    """One eye: its closed outline around its own centre."""

    outline: Points
    pupil: tuple[float, float]  # half-width, half-height
    glint: tuple[float, float]  # where the light shows in it
    tilt: float  # radians, outer corner up
    place: tuple[float, float]


@dataclass(frozen=True)
class Muzzle:
    """The lower face; `reach` is how far it stands out, seen when the head turns."""

    height: float  # y of its centre
    cushion: tuple[float, float, float]  # x of each cushion, half-width, half-height
    bridge: tuple[float, float]  # half-width at the brow and at the nose, none if both 0
    reach: float
    nose: Points  # closed outline around the nose's centre
    nose_height: float  # y of the nose's centre
    smile: Points  # right half of the mouth, from the nose's centre
    tongue: tuple[float, float]  # half-width, length
    whisker: float  # length


@dataclass(frozen=True)
class Anatomy:
    """All that tells one kind of animal from the other."""

    skull: Points  # closed outline
    ears: tuple[Ear, ...]
    eye: Eye
    muzzle: Muzzle
    tails: tuple[Points, ...]  # closed outlines from the tail's root, leading right


def _ear(outline: Points, inside: Points, over_head: bool) -> Ear:
    return Ear(closed_curve(outline), closed_curve(inside), over_head)


# fmt: off
_UPRIGHT_EAR = _ear(
    points((0.14, -0.7), (0.42, -1.12), (0.74, -1.5), (0.74, -1.5), (0.93, -0.95), (0.97, -0.25)),
    points((0.38, -0.76), (0.54, -1.02), (0.7, -1.27), (0.7, -1.27), (0.8, -0.9), (0.82, -0.5)),
    over_head=False,
)
_WIDE_EAR = _ear(
    points((0.22, -0.72), (0.6, -1.08), (1.02, -1.32), (1.02, -1.32), (1.08, -0.8), (1.0, -0.15)),
    points((0.46, -0.74), (0.7, -0.96), (0.94, -1.12), (0.94, -1.12), (0.96, -0.76), (0.88, -0.42)),
    over_head=False,
)
_HANGING_EAR = _ear(
    points((0.42, -0.86), (0.85, -0.8), (1.2, -0.3), (1.32, 0.35), (1.12, 0.72), (0.86, 0.5),
           (0.76, -0.1)),
    points((0.92, -0.3), (1.08, 0.05), (1.12, 0.4), (0.98, 0.45), (0.9, 0.1)),
    over_head=True,
)
_LONG_EAR = _ear(
    points((0.5, -0.78), (0.92, -0.66), (1.15, 0.0), (1.28, 0.75), (1.08, 1.15), (0.8, 0.9),
           (0.82, 0.1)),
    points((0.95, -0.1), (1.06, 0.3), (1.1, 0.75), (0.98, 0.8), (0.94, 0.4)),
    over_head=True,
)
_FOLDED_EAR = _ear(
    points((0.28, -0.78), (0.5, -1.12), (0.95, -1.18), (1.36, -0.82), (1.34, -0.46), (1.02, -0.5),
           (0.86, -0.46)),
    points((0.72, -0.92), (1.0, -0.96), (1.22, -0.74), (1.2, -0.58), (0.96, -0.66)),
    over_head=True,
)

CAT = Anatomy(
    skull=closed_curve(both_sides(points(
        (0.0, -0.8), (0.5, -0.78), (0.88, -0.4), (1.06, 0.12), (0.86, 0.56), (0.42, 0.83),
        (0.0, 0.88),
    ))),
    ears=(_UPRIGHT_EAR, _WIDE_EAR),
    eye=Eye(
        outline=closed_curve(points(
            (-0.27, 0.07), (-0.27, 0.07), (-0.12, -0.15), (0.1, -0.19), (0.3, -0.06),
            (0.3, -0.06), (0.16, 0.15), (-0.08, 0.19),
        )),
        pupil=(0.065, 0.16),
        glint=(-0.11, -0.07),
        tilt=0.1,
        place=(0.44, -0.08),
    ),
    muzzle=Muzzle(
        height=0.48,
        cushion=(0.19, 0.26, 0.2),
        bridge=(0.0, 0.0),
        reach=0.06,
        nose=closed_curve(points(
            (-0.15, -0.07), (-0.15, -0.07), (0.0, -0.1), (0.15, -0.07), (0.15, -0.07),
            (0.0, 0.1), (0.0, 0.1),
        )),
        nose_height=0.26,
        smile=open_curve(points((0.0, 0.08), (0.02, 0.22), (0.15, 0.31), (0.3, 0.23))),
        tongue=(0.08, 0.14),
        whisker=0.95,
    ),
    tails=(
        ribbon(
            points((0, 0), (0.5, 0.05), (0.9, -0.35), (0.85, -0.95), (1.15, -1.35)),
            (0.13, 0.13, 0.13, 0.12, 0.11, 0.0),
        ),
        ribbon(
            points((0, 0), (0.6, 0.1), (1.05, -0.3), (1.12, -0.9), (0.85, -1.35), (0.5, -1.25)),
            (0.13, 0.13, 0.13, 0.12, 0.1, 0.0),
        ),
    ),
)

DOG = Anatomy(
    skull=closed_curve(both_sides(points(
        (0.0, -0.88), (0.5, -0.8), (0.84, -0.4), (0.9, 0.1), (0.76, 0.56), (0.46, 0.86),
        (0.0, 0.95),
    ))),
    ears=(_HANGING_EAR, _LONG_EAR, _FOLDED_EAR),
    eye=Eye(
        outline=closed_curve(points(
            (-0.17, 0.0), (-0.12, -0.13), (0.0, -0.18), (0.12, -0.13), (0.17, 0.0),
            (0.12, 0.13), (0.0, 0.17), (-0.12, 0.13),
        )),
        pupil=(0.1, 0.11),
        glint=(-0.06, -0.07),
        tilt=0.0,
        place=(0.4, -0.16),
    ),
    muzzle=Muzzle(
        height=0.48,
        cushion=(0.2, 0.34, 0.31),
        bridge=(0.14, 0.34),
        reach=0.24,
        nose=closed_curve(points(
            (-0.25, -0.05), (-0.17, -0.15), (0.0, -0.17), (0.17, -0.15), (0.25, -0.05),
            (0.14, 0.11), (0.0, 0.16), (-0.14, 0.11),
        )),
        nose_height=0.26,
        smile=open_curve(points((0.0, 0.15), (0.01, 0.3), (0.2, 0.42), (0.44, 0.3))),
        tongue=(0.15, 0.36),
        whisker=0.4,
    ),
    tails=(
        ribbon(points((0, 0), (0.35, -0.1), (0.6, -0.45), (0.6, -0.8)), (0.14, 0.22, 0.24, 0.06)),
        ribbon(points((0, 0), (0.3, -0.3), (0.25, -0.7), (-0.05, -0.75)), (0.15, 0.22, 0.2, 0.06)),
        ribbon(points((0, 0), (0.25, -0.12), (0.42, -0.35)), (0.14, 0.15, 0.09)),
    ),
)
# fmt: on
