"""Words to values, once: "dense:units=64" -> ("dense", {"units": "64"}). Knows no tables."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from math import inf
from typing import Any, TypeVar

import msgspec

from pasunchat.errors import PasunchatError

T = TypeVar("T")


def name_and_settings(text: str) -> tuple[str, dict[str, str]]:
    """Split "name:key=value,key=value" into its name and its settings."""
    name, _, rest = text.partition(":")
    settings = {}
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise PasunchatError(
                f'expected NAME or NAME:key=value,..., got "{text}": "{pair}" is no key=value'
            )
        settings[key.strip()] = value.strip()
    return name, settings


def with_settings(value: T, settings: Mapping[str, str], owner: str) -> T:
    """The frozen dataclass `value` with some fields read from words.

    Raises PasunchatError naming the fields there are, or the kind a field wants.
    """
    if not is_dataclass(value):
        raise TypeError(f"{owner} is not a dataclass")
    known = {field.name: field.type for field in fields(value)}
    unknown = sorted(set(settings) - set(known))
    if unknown:
        there = ", ".join(known) or "none"
        raise PasunchatError(f'{owner} has no setting "{unknown[0]}"; its settings: {there}')
    changes = {
        key: _value(text, known[key], f'{owner}: {key}="{text}"') for key, text in settings.items()
    }
    try:
        changed: T = replace(value, **changes)  # type: ignore[type-var]
        return changed
    except ValueError as error:
        raise PasunchatError(f"{owner}: {error}") from error


def with_nested_settings(value: T, settings: Mapping[str, str], owner: str) -> T:
    """As `with_settings`, and "augment.flip" reaches the field `flip` of the field `augment`."""
    flat: dict[str, str] = {}
    inner: dict[str, dict[str, str]] = {}
    for key, text in settings.items():
        outer, dot, rest = key.partition(".")
        if dot and is_dataclass(getattr(value, outer, None)):
            inner.setdefault(outer, {})[rest] = text
        else:
            flat[key] = text
    value = with_settings(value, flat, owner)
    parts = {
        outer: with_settings(getattr(value, outer), own, f"{owner}.{outer}")
        for outer, own in inner.items()
    }
    changed: T = replace(value, **parts)  # type: ignore[type-var]
    return changed


def _value(text: str, kind: Any, what: str) -> Any:
    """A field's value from its words; lists are written with commas, nothing as "none"."""
    plain: Any = None if text.lower() == "none" else text
    if "," in text:
        plain = text.split(",")
    try:
        return msgspec.convert(plain, kind, strict=False)
    except msgspec.ValidationError as error:
        raise PasunchatError(f"{what} does not fit: {error}") from error


def from_table(text: str, table: Mapping[str, T], kind: str) -> T:
    """The table's value for "name" or "name:key=value", with its settings applied."""
    name, settings = name_and_settings(text)
    if name not in table:
        raise PasunchatError(f'unknown {kind} "{name}"; there are: {", ".join(table)}')
    return with_settings(table[name], settings, f"{kind} {name}")


def number(text: str, what: str = "number") -> float:
    """A number of 0 or more out of words: "4/255", "0.5", "8".

    what: how the message calls it, such as "--radius". Raises PasunchatError for anything else.
    """
    above, slash, below = text.partition("/")
    try:
        top, bottom = float(above), float(below) if slash else 1.0
    except ValueError:
        top, bottom = -1.0, 1.0
    if not (0 <= top < inf and 0 < bottom < inf):
        raise PasunchatError(
            f'{what}: expected a number of 0 or more, such as 0.5 or 4/255, got "{text}"'
        )
    return top / bottom


def share_at_radius(text: str, option: str) -> tuple[float, float]:
    """ "0.5@2/255": the share that is required, and the radius at which. Raises PasunchatError for
    anything else, and for a share above 1."""
    share, at, radius = text.partition("@")
    if not at:
        raise PasunchatError(f'{option}: expected SHARE@RADIUS, as 0.5@2/255, got "{text}"')
    required = number(share, f"{option}, its share"), number(radius, f"{option}, its radius")
    if required[0] > 1:
        raise PasunchatError(f'{option}: expected a share of at most 1, got "{share}"')
    return required
