"""Draws a head of any anatomy, and a whole animal in a random pose."""

from __future__ import annotations

import numpy as np

from pasunchat.photos.drawing.anatomy import Anatomy, Ear
from pasunchat.photos.drawing.body import POSES
from pasunchat.photos.drawing.canvas import (
    Frame,
    Sheet,
    clear,
    closed_curve,
    ellipse,
    mix,
    open_curve,
    points,
)
from pasunchat.photos.drawing.coat import BLACK, LINE_WIDTH, WHITE, Coat, random_coat

_SIDES = (-1, 1)
_TONGUE = (236, 120, 130)
_INNER_EAR = (236, 150, 150)
_BLUSH = (240, 110, 120, 60)
_LID = open_curve(points((-0.2, 0.05), (0.0, -0.1), (0.2, 0.05)))


def draw_animal(sheet: Sheet, anatomy: Anatomy, rng: np.random.Generator) -> None:
    """Draw an animal of this anatomy in a random pose, place and look."""
    pose = POSES[rng.integers(len(POSES))]
    unit = float(rng.uniform(*pose.radius))
    facing = 1.0 if rng.random() < 0.5 else -1.0
    x = 0.5 + facing * (float(rng.uniform(*pose.across)) - 0.5)
    y = float(rng.uniform(*pose.down))
    body = sheet.frame().inside(x, y, unit * facing, unit, float(rng.uniform(-0.06, 0.06)))
    coat = random_coat(body, sheet.image.width, rng)
    pose.draw_body(sheet, body, coat, anatomy.tails[rng.integers(len(anatomy.tails))])
    wide, high = rng.uniform(0.93, 1.07, size=2).tolist()
    head = body.inside(0, 0, wide, high, float(rng.uniform(-0.22, 0.22)))
    _draw_head(sheet, head, coat, anatomy, rng)


def _draw_head(
    sheet: Sheet, frame: Frame, coat: Coat, anatomy: Anatomy, rng: np.random.Generator
) -> None:
    yaw, pitch = rng.uniform((-0.7, -0.6), (0.7, 0.6)).tolist()
    reach = anatomy.muzzle.reach
    face = frame.inside(0.34 * yaw, 0.1 * pitch, 1 - 0.14 * abs(yaw))
    snout = face.inside(reach * yaw, reach * 0.5 * pitch)
    ear = anatomy.ears[rng.integers(len(anatomy.ears))]
    ear_frames = _ear_frames(frame, yaw, pitch, float(rng.uniform(-0.08, 0.08)))
    if not ear.over_head:
        _draw_ears(sheet, ear_frames, coat, ear)
    coat.cover(sheet, frame, anatomy.skull)
    sheet.fill(frame, ellipse(-0.1, -0.45, 0.55, 0.26, 0.1), clear(WHITE, 26))
    _draw_bridge(sheet, face, snout, coat, anatomy)
    _draw_cushions(sheet, snout, coat, anatomy)
    if ear.over_head:
        _draw_ears(sheet, ear_frames, coat, ear)
    _draw_eyes(sheet, face, coat, anatomy, yaw)
    _draw_cheeks(sheet, face, coat)
    _draw_mouth(sheet, snout, coat, anatomy)
    _draw_nose(sheet, snout, coat, anatomy)
    _draw_whiskers(sheet, snout, coat, anatomy)


def _ear_frames(frame: Frame, yaw: float, pitch: float, perk: float) -> list[Frame]:
    x, y = -0.06 * yaw, -0.05 * pitch
    return [frame.inside(x, y, side * (1 - 0.1 * side * yaw), 1.0, -side * perk) for side in _SIDES]


def _draw_ears(sheet: Sheet, frames: list[Frame], coat: Coat, ear: Ear) -> None:
    for frame in frames:
        coat.cover(sheet, frame, ear.outline, shade=30)
        sheet.fill(frame, ear.inside, clear(mix(coat.base, _INNER_EAR, 0.45), 170))


def _draw_bridge(sheet: Sheet, face: Frame, snout: Frame, coat: Coat, anatomy: Anatomy) -> None:
    muzzle = anatomy.muzzle
    brow, tip = muzzle.bridge
    if tip:
        root = face.place(points((-brow, -0.3), (brow, -0.3)))
        end = snout.place(points((tip, muzzle.height), (-tip, muzzle.height)))
        whole = Frame(np.eye(2), np.zeros(2))  # sheet pixels
        sheet.fill(whole, closed_curve(np.concatenate([root, end])), clear(coat.light, 150))


def _draw_cushions(sheet: Sheet, snout: Frame, coat: Coat, anatomy: Anatomy) -> None:
    x, wide, high = anatomy.muzzle.cushion
    cushions = [ellipse(side * x, anatomy.muzzle.height, wide, high) for side in _SIDES]
    for cushion in cushions:
        sheet.outline(snout, cushion, clear(coat.line, 90), LINE_WIDTH)
    for cushion in cushions:
        sheet.fill(snout, cushion, coat.light)


def _draw_eyes(sheet: Sheet, face: Frame, coat: Coat, anatomy: Anatomy, yaw: float) -> None:
    x, y = anatomy.eye.place
    for side, is_open in zip(_SIDES, coat.eyes_open, strict=True):
        wide = side * (1 - 0.2 * max(0.0, side * yaw))
        place = face.inside(side * x, y, wide, 1.0, -side * anatomy.eye.tilt)
        if is_open:
            _draw_open_eye(sheet, place, coat, anatomy, side)
        else:
            sheet.stroke(place, _LID, coat.contrast, 0.06)


def _draw_open_eye(sheet: Sheet, place: Frame, coat: Coat, anatomy: Anatomy, side: int) -> None:
    eye = anatomy.eye
    gaze_x, gaze_y = coat.gaze
    sheet.fill(place, eye.outline, coat.iris)
    sheet.fill(place, ellipse(side * gaze_x, gaze_y, *eye.pupil), BLACK)
    sheet.outline(place, eye.outline, BLACK, 0.05)
    x, y = eye.glint
    sheet.fill(place, ellipse(side * x, y, 0.055, 0.055), WHITE)
    sheet.fill(place, ellipse(-side * x, -y, 0.03, 0.03), clear(WHITE, 200))


def _draw_cheeks(sheet: Sheet, face: Frame, coat: Coat) -> None:
    if coat.blushing:
        for side in _SIDES:
            for spread in (1.0, 0.7):
                cheek = ellipse(side * 0.62, 0.26, 0.17 * spread, 0.11 * spread)
                sheet.fill(face, cheek, _BLUSH)


def _draw_mouth(sheet: Sheet, snout: Frame, coat: Coat, anatomy: Anatomy) -> None:
    smile = anatomy.muzzle.smile
    line = mix(coat.line, BLACK, 0.5)
    place = snout.inside(0.0, anatomy.muzzle.nose_height)
    if coat.mouth_open:
        wide, length = anatomy.muzzle.tongue
        middle = smile[len(smile) // 3]
        tongue = place.inside(0.0, float(middle[1]), wide, length)
        outline = closed_curve(points((-1, 0), (1, 0), (0.9, 0.7), (0, 1), (-0.9, 0.7)))
        sheet.fill(tongue, outline, _TONGUE)
        sheet.outline(tongue, outline, clear(line, 160), 0.15)
        sheet.stroke(tongue, points((0, 0), (0, 0.6)), (190, 80, 96), 0.12)
    for side in _SIDES:
        sheet.stroke(place, smile * (side, 1.0), line, LINE_WIDTH)


def _draw_nose(sheet: Sheet, snout: Frame, coat: Coat, anatomy: Anatomy) -> None:
    nose = anatomy.muzzle.nose
    place = snout.inside(0.0, anatomy.muzzle.nose_height)
    left, top = nose.min(axis=0)
    right, low = nose.max(axis=0)
    shine = ellipse(0.35 * left, 0.5 * top, 0.16 * (right - left), 0.12 * (low - top))
    sheet.fill(place, nose, coat.nose)
    sheet.fill(place, shine, clear(WHITE, 150))


def _draw_whiskers(sheet: Sheet, snout: Frame, coat: Coat, anatomy: Anatomy) -> None:
    muzzle = anatomy.muzzle
    whisker = clear(coat.contrast, 210)
    x, wide, high = muzzle.cushion
    for side in _SIDES:
        for row in (-1, 0, 1):
            root = (side * (x + 0.3 * wide), muzzle.height + row * 0.32 * high)
            sheet.fill(snout, ellipse(*root, 0.025, 0.025), coat.line)
            tip = (root[0] + side * muzzle.whisker, root[1] + row * 0.32 * muzzle.whisker - 0.06)
            bend = ((root[0] + tip[0]) / 2, (root[1] + tip[1]) / 2 - 0.06)
            sheet.stroke(snout, open_curve(points(root, bend, tip)), whisker, 0.025)
