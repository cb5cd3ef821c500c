"""Preprocessing: what an external network expects of its input. It is stated, never guessed."""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from pasunchat.classifiers.channels import Channels
from pasunchat.errors import PasunchatError
from pasunchat.framing import FRAMINGS, Framing

Scale = Literal["0..1", "0..255", "-1..1"]
SCALES: dict[str, Scale] = {
    "0..1": "0..1",
    "1": "0..1",
    "0..255": "0..255",
    "255": "0..255",
    "-1..1": "-1..1",
}
CHANNELS: dict[str, Channels] = {"RGB": "RGB", "BGR": "BGR", "L": "L", "GREY": "L", "GRAY": "L"}
MULTIPLY_ADD: dict[Scale, tuple[float, float]] = {  # what makes such a scale of pixels in [0, 1]
    "0..1": (1.0, 0.0),
    "0..255": (255.0, 0.0),
    "-1..1": (2.0, -1.0),
}


@dataclass(frozen=True)
class Preprocessing:
    """How photos become a network's input. None: not stated.

    The network sees (pixels - mean) / std. Raises PasunchatError for values that cannot be meant.
    """

    scale: Scale | None = None  # what black and white are in its input, before mean and std
    mean: tuple[float, ...] | None = None  # one number, or one a channel, in units of `scale`
    std: tuple[float, ...] | None = None  # likewise; both in the network's order of channels
    channels: Channels | None = None  # that order; "L" for one channel of grey
    size: int | None = None  # side of its square images, in pixels
    framing: Framing | None = None  # how a photo becomes a square
    classes: tuple[str, ...] | None = None  # names in the order of its outputs

    def __post_init__(self) -> None:
        _one_of("scale", self.scale, get_args(Scale))
        _one_of("channels", self.channels, get_args(Channels))
        _one_of("framing", self.framing, FRAMINGS)
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) not in (1, 3):
                raise PasunchatError(f"{name}: expected one number or three, got {len(values)}")
        if self.std is not None and min(self.std) <= 0:
            raise PasunchatError(f"std: expected numbers above 0, got {_slashed(self.std)}")
        if self.size is not None and self.size < 1:
            raise PasunchatError(f"size: expected 1 or more, got {self.size}")
        if self.classes is not None and len(set(self.classes)) < max(2, len(self.classes)):
            named = "/".join(self.classes)
            raise PasunchatError(f"classes: expected two names or more, all different, got {named}")
        if self.scale == "0..255" and self.mean and 0 < max(self.mean) <= 1:
            raise PasunchatError(
                f"mean={_slashed(self.mean)} is in units of 0..1, but scale=0..255 is requested; "
                f"take scale=0..1, or mean={_slashed([255 * value for value in self.mean])}"
            )

    def over(self, other: "Preprocessing") -> "Preprocessing":
        """This preprocessing, completed by another where it states nothing."""
        names = [field.name for field in fields(self)]
        return Preprocessing(
            **{
                name: getattr(other if getattr(self, name) is None else self, name)
                for name in names
            }
        )

    def is_empty(self) -> bool:
        """Whether nothing is stated."""
        return all(getattr(self, field.name) is None for field in fields(self))


def name_and_preprocessing(text: str) -> tuple[str, Preprocessing]:
    """Split "model.onnx:scale=0..255,classes=cat/dog" into the model's name and its settings.

    The settings begin at the first colon that a word and "=" follow, so that "C:/models/cat.onnx"
    and "timm:resnet18" stay whole. Numbers and class names are separated by "/"; classes may be a
    text file with one name a line ("classes=names.txt"). Raises PasunchatError for an unknown
    setting or a value that does not fit.
    """
    name, *rest = re.split(r":(?=\w+=)", text, maxsplit=1)
    if not rest:
        return text, Preprocessing()
    settings: dict[str, str] = {}
    for pair in re.split(r",(?=\w+=)", rest[0]):
        key, _, value = pair.partition("=")
        if key not in READERS:
            there = ", ".join(READERS)
            raise PasunchatError(f'a model has no setting "{key}"; its settings: {there}')
        settings[key] = value
    values = {key: READERS[key](key, value) for key, value in settings.items()}
    return name, Preprocessing(**values)


def complete(preprocessing: Preprocessing, model: str) -> Preprocessing:
    """The preprocessing, if it has a scale and a size. Raises PasunchatError naming what to add."""
    missing = []
    if preprocessing.scale is None:
        missing.append("scale=0..1")
    if preprocessing.size is None:
        missing.append("size=224")
    if missing:
        what = "which pixels" if preprocessing.scale is None else "which size of images"
        hint = (
            "; scale is 0..1, 0..255 or -1..1, and mean=R/G/B, std=R/G/B (in units of that scale) "
            "and channels=BGR are added where it was trained so"
        )
        raise PasunchatError(
            f"{model} does not state {what} it expects; state it behind its name, e.g. "
            f"{model}:{','.join(missing)}{hint if preprocessing.scale is None else ''}"
        )
    return preprocessing


def _one_of(name: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise PasunchatError(f'{name}: expected {", ".join(known)}, got "{value}"')


def _slashed(values: Sequence[float]) -> str:
    return "/".join(f"{value:g}" for value in values)


def _scale(_: str, text: str) -> Scale:
    if text not in SCALES:
        raise PasunchatError(f'scale: expected 0..1, 0..255 or -1..1, got "{text}"')
    return SCALES[text]


def _channels(_: str, text: str) -> Channels:
    if text.upper() not in CHANNELS:
        raise PasunchatError(f'channels: expected RGB, BGR or L (grey), got "{text}"')
    return CHANNELS[text.upper()]


def _numbers(key: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split("/"))
    except ValueError as error:
        raise PasunchatError(f'{key}: expected numbers as in 0.5/0.5/0.5, got "{text}"') from error


def _size(_: str, text: str) -> int:
    if not text.isdecimal():
        raise PasunchatError(f'size: expected a whole number, got "{text}"')
    return int(text)


def _classes(_: str, text: str) -> tuple[str, ...]:
    if text.endswith(".txt"):
        return tuple(line.strip() for line in _lines(Path(text)) if line.strip())
    return tuple(part.strip() for part in text.split("/"))


def _lines(file: Path) -> list[str]:
    """The lines of a text file in UTF-8, or in UTF-16 that begins with its mark."""
    data = file.read_bytes()
    encoding = "utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        return data.decode(encoding).splitlines()
    except UnicodeDecodeError as error:
        raise PasunchatError(
            f"classes: expected {file} in UTF-8, got bytes that are none ({error.reason}, in line "
            f"{data[: error.start].count(10) + 1}); save it as UTF-8"
        ) from error


READERS = {
    "scale": _scale,
    "mean": _numbers,
    "std": _numbers,
    "channels": _channels,
    "size": _size,
    "framing": lambda _, text: text,
    "classes": _classes,
}
