"""Numbers and lists in words."""

import shlex
from pathlib import Path

import pytest

from pasunchat import words


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (1.0, "more than 99.9 %"),
        (0.9991, "more than 99.9 %"),
        (0.999, "99.9 %"),
        (0.9942, "99.4 %"),
        (0.9951, "99.5 %"),
        (0.99, "99 %"),
        (0.83, "83 %"),
        (0.01, "1 %"),
        (0.004, "0.4 %"),
        (0.001, "0.1 %"),
        (0.0004, "less than 0.1 %"),
        (0.0, "less than 0.1 %"),
    ],
)
def test_percent(probability: float, said: str) -> None:
    assert words.percent(probability) == said


def test_no_probability_is_said_to_be_certain_or_impossible() -> None:
    for step in range(100_001):
        assert words.percent(step / 100_000) not in ("100 %", "0 %", "100.0 %", "0.0 %")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (1, "more than 99.9 %"),
        (0, "0 %"),
        (9999 / 10_000, "99.9 %"),
        (1 / 10_000, "0.1 %"),
        (0.797, "79.7 %"),
    ],
)
def test_share(part: float, said: str) -> None:
    assert words.share(part) == said


def test_all_of_them_are_counted_and_never_a_hundred_per_cent() -> None:
    assert words.share(1, 11) == "11 of 11"
    assert words.share(0.75, 12) == "75.0 %"
    assert words.share_of(1, 11, "test photo") == "all 11 test photos"
    assert words.share_of(0.5, 1200, "photo") == "50.0 % of 1,200 photos"
    assert [words.tick(part) for part in (0, 0.625, 1.0, 1.05)] == ["0 %", "62.5 %", "all", ""]


def test_a_command_line_can_be_copied_into_a_shell() -> None:
    odd = "my run; rm -rf $HOME/[x] 'y'"
    line = words.command("fool", Path("a b.jpg"), "--model", odd)
    assert shlex.split(line) == ["pasunchat", "fool", "a b.jpg", "--model", odd]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.84, "0.8 s"),
        (9.96, "10 s"),
        (48.2, "48 s"),
        (59.7, "1 min 00 s"),
        (95, "1 min 35 s"),
        (3599.8, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_duration(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


def test_counts_and_lists() -> None:
    assert words.count(2500) == "2,500"
    assert words.count(1, "epoch") == "1 epoch"
    assert words.count(1200, "epoch") == "1,200 epochs"
    assert words.listed(["cat"]) == "cat"
    assert words.listed(["cat", "dog", "fox"]) == "cat, dog and fox"
    assert [words.one_of(name) for name in ("dog", "otter", "Cats")] == [
        "a dog",
        "an otter",
        "Cats",
    ]
