"""TRANSFORMS: what may happen to a picture, by name, and the words for lists of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pasunchat.classifiers.on_images import Step
from pasunchat.errors import PasunchatError
from pasunchat.fooled.picture_steps import Brightness, Crop, Jpeg, Resize, Rotate, Same

TRANSFORMS: Mapping[str, Callable[[float], Step]] = {
    "jpeg": Jpeg,
    "resize": Resize,
    "crop": Crop,
    "rotate": Rotate,
    "brightness": Brightness,
}


@dataclass(frozen=True)
class Transform:
    """A step and the word for it: "jpeg:75"."""

    word: str
    step: Step


AS_SAVED = Transform("as-saved", Same())


def transforms(text: str) -> tuple[Transform, ...]:
    """The transforms of "jpeg:75,resize:0.5,rotate:3".

    Raises PasunchatError for unknown names, for settings out of range, and for an empty list.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise PasunchatError('expected a list such as "jpeg:75,resize:0.5,rotate:3", got nothing')
    return tuple(_transform(word) for word in words)


def _transform(word: str) -> Transform:
    name, colon, setting = word.partition(":")
    if name not in TRANSFORMS or not colon:
        there = ", ".join(f"{name}:NUMBER" for name in TRANSFORMS)
        raise PasunchatError(f'unknown transform "{word}"; there are: {there}')
    try:
        return Transform(word, TRANSFORMS[name](float(setting)))
    except ValueError as error:
        reason = str(error) if str(error).startswith("expected") else "expected a number"
        raise PasunchatError(f'transform "{word}": {reason}') from error
