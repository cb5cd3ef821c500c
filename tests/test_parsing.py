"""Words to values, and what is said when they do not fit."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pasunchat.errors import PasunchatError
from pasunchat.parsing import (
    from_table,
    name_and_settings,
    number,
    share_at_radius,
    with_settings,
)

WORD = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)


@dataclass(frozen=True)
class Brush:
    width: int = 3
    softness: float = 0.5
    colour: str | None = None
    wet: bool = False

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width: expected 1 or more, got {self.width}")


TABLE = {"round": Brush(), "flat": Brush(width=9)}


@settings(deadline=None)
@given(WORD, st.dictionaries(WORD, WORD, max_size=4))
def test_names_and_settings_come_back(name: str, wanted: dict[str, str]) -> None:
    text = f"{name}:{','.join(f'{key}={value}' for key, value in wanted.items())}"
    assert name_and_settings(text) == (name, wanted)
    assert name_and_settings(name) == (name, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pgd:steps=200, radius = 4/255", ("pgd", {"steps": "200", "radius": "4/255"})),
        ("a:b=c=d", ("a", {"b": "c=d"})),
        ("a:b=", ("a", {"b": ""})),
        ("a:", ("a", {})),
        ("a:,b=1,", ("a", {"b": "1"})),
    ],
)
def test_odd_spellings(text: str, expected: tuple[str, dict[str, str]]) -> None:
    assert name_and_settings(text) == expected


@pytest.mark.parametrize("text", ["a:b", "a:b=1,c", "a:=1"])
def test_what_is_no_setting_is_named(text: str) -> None:
    with pytest.raises(PasunchatError, match=r'expected NAME or NAME:key=value,\.\.\., got "a:'):
        name_and_settings(text)


@settings(deadline=None)
@given(st.integers(1, 10**9), st.floats(allow_nan=False), st.booleans())
def test_settings_are_read_by_kind(width: int, softness: float, wet: bool) -> None:
    words = {"width": str(width), "softness": repr(softness), "wet": str(wet).lower()}
    assert with_settings(Brush(), words, "brush") == Brush(width, softness, None, wet)


def test_none_is_a_value_where_a_field_may_be_none() -> None:
    assert with_settings(Brush(colour="red"), {"colour": "none"}, "brush").colour is None
    with pytest.raises(PasunchatError, match='brush: width="none" does not fit'):
        with_settings(Brush(), {"width": "none"}, "brush")


def test_an_unknown_setting_names_those_there_are() -> None:
    with pytest.raises(PasunchatError) as refused:
        with_settings(Brush(), {"length": "3"}, "brush")
    expected = 'brush has no setting "length"; its settings: width, softness, colour, wet'
    assert str(refused.value) == expected


@pytest.mark.parametrize("text", ["few", "3.5", "", "4/2"])
def test_a_value_of_another_kind_is_named(text: str) -> None:
    with pytest.raises(PasunchatError, match=f'brush: width="{text}" does not fit: Expected `int`'):
        with_settings(Brush(), {"width": text}, "brush")


def test_a_value_that_the_dataclass_refuses_is_named() -> None:
    with pytest.raises(PasunchatError, match="brush: width: expected 1 or more, got 0"):
        with_settings(Brush(), {"width": "0"}, "brush")


def test_only_dataclasses_have_settings() -> None:
    with pytest.raises(TypeError, match="thing is not a dataclass"):
        with_settings(3, {}, "thing")


def test_a_row_of_a_table_with_settings() -> None:
    assert from_table("flat", TABLE, "brush") == Brush(width=9)
    assert from_table("flat:softness=1", TABLE, "brush") == Brush(width=9, softness=1.0)
    assert TABLE["flat"] == Brush(width=9)


def test_an_unknown_name_names_those_there_are() -> None:
    with pytest.raises(PasunchatError) as refused:
        from_table("broad:width=3", TABLE, "brush")
    assert str(refused.value) == 'unknown brush "broad"; there are: round, flat'
    with pytest.raises(PasunchatError, match='brush round has no setting "length"'):
        from_table("round:length=3", TABLE, "brush")


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 10**6), st.floats(0, 1e300))
def test_numbers_are_read_as_written(above: int, below: int, value: float) -> None:
    assert number(f"{above}/{below}") == above / below
    assert number(f" {above} / {below} ") == above / below
    assert number(str(above)) == above
    assert number(repr(value)) == value


@pytest.mark.parametrize(
    "text", ["", "few", "4/", "/255", "4/0", "1/2/3", "-1", "4/-255", "-1/-2", "nan", "inf", "8,5"]
)
def test_what_is_no_number_is_named(text: str) -> None:
    with pytest.raises(PasunchatError) as refused:
        number(text, "--radius")
    expected = f'--radius: expected a number of 0 or more, such as 0.5 or 4/255, got "{text}"'
    assert str(refused.value) == expected


def test_a_share_at_a_radius_is_read_and_what_is_none_is_named() -> None:
    assert share_at_radius("0.5@2/255", "--require") == (0.5, 2 / 255)
    for text, said in (("2/255", "SHARE@RADIUS"), ("1.5@1", "at most 1"), ("x@1", "its share")):
        with pytest.raises(PasunchatError, match=f"--require.*{said}"):
            share_at_radius(text, "--require")
