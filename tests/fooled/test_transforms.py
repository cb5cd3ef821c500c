"""Words for what may happen to a picture."""

import pytest

from pasunchat.errors import PasunchatError
from pasunchat.fooled.transforms import (
    TRANSFORMS,
    Brightness,
    Crop,
    Jpeg,
    Resize,
    Rotate,
    transforms,
)


def test_a_list_is_read_in_its_order() -> None:
    read = transforms("jpeg:75, resize:0.5,rotate:-3,crop:0.9,brightness:1.1")
    assert [one.step for one in read] == [
        Jpeg(75),
        Resize(0.5),
        Rotate(-3),
        Crop(0.9),
        Brightness(1.1),
    ]
    assert [one.word for one in read][:2] == ["jpeg:75", "resize:0.5"]


@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_refuses_what_is_no_setting(name: str) -> None:
    for setting in ("", "x", "nan", "-1000", "1000"):
        with pytest.raises(PasunchatError, match=f'^transform "{name}:{setting}": expected'):
            transforms(f"jpeg:75,{name}:{setting}")


@pytest.mark.parametrize("text", ["jpg:75", "jpeg", "jpeg=75", ":75"])
def test_unknown_words_are_told_what_there_is(text: str) -> None:
    with pytest.raises(PasunchatError, match=f'"{text}"; there are: jpeg:NUMBER, resize:NUMBER'):
        transforms(text)


@pytest.mark.parametrize("text", ["", " , "])
def test_nothing_is_refused(text: str) -> None:
    with pytest.raises(PasunchatError, match=r"jpeg:75,resize:0\.5.*got nothing"):
        transforms(text)


def test_half_a_quality_is_refused() -> None:
    with pytest.raises(PasunchatError, match="a quality from 1 to 100"):
        transforms("jpeg:75.5")
