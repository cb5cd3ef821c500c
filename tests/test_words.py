from dataclasses import replace

import pytest

from pasunchat import words
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Prediction
from pasunchat.fooled import outcome_in_words
from pasunchat.fooled.control import Control
from pasunchat.fooled.outcome import Outcome, Transfer
from pasunchat.fooled.row import captions
from pasunchat.fooled.survival import Survival

OUTCOME = Outcome(
    photo="a/rex.jpg",
    status=Status.REACHED,
    fooled=True,
    goal="cat",
    before=Prediction("dog", 0.83),
    after=Prediction("cat", 0.95),
    picture="rex.cat.png",
    l2=1.314,
    largest_change=8,
    factor=8 / 255,
    norm="l2",
    distance=1.314,
    values=15_021,
    pixels=9_950,
    steps=120,
    queries=130,
    radius=None,
    asked_confidence=0.95,
    control=Control(draws=8, reached=0, unchanged=8, distance=1.3),
    survival=(
        Survival("jpeg:95", True, 0.9),
        Survival("jpeg:50", False, 0.4),
        Survival("resize:0.5", True, 0.8),
    ),
    required=("jpeg:95", "resize:0.5"),
    cost_of_surviving=1.52,
    transfer=(Transfer("tiny", Prediction("dog", 0.99), Prediction("cat", 0.61), fooled=True),),
    attack="learned-noise",
    settings={},
    seed=0,
    classifier="",
    advice="",
)


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
    [(1, "100 %"), (0, "0 %"), (9999 / 10_000, "99.9 %"), (1 / 10_000, "0.1 %"), (0.797, "79.7 %")],
)
def test_share(part: float, said: str) -> None:
    assert words.share(part) == said


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


def test_the_row_speaks_as_the_talk() -> None:
    assert captions(OUTCOME) == ("Initial dog at 83 %", "+ 0.031x", "= cat at 95 %")


def test_the_row_says_what_was_not_reached() -> None:
    failed = replace(OUTCOME, fooled=False, after=Prediction("dog", 0.6))
    assert captions(failed)[2] == "= still dog at 60 %"
    elsewhere = replace(failed, after=Prediction("fox", 0.5))
    assert captions(elsewhere)[2] == "= fox, not cat, at 50 %"
    untouched = replace(failed, factor=0.0, largest_change=0, l2=0.0, control=None)
    assert captions(untouched)[1] == "+ nothing"
    assert outcome_in_words.change_in_words(untouched) == "nothing was changed"
    assert outcome_in_words.control_in_words(untouched).startswith("nothing was changed")


def test_change_and_control() -> None:
    said = "at most 8 of 255 levels, L2 1.31, in 15,021 values of 9,950 pixels"
    assert outcome_in_words.change_in_words(OUTCOME) == said
    assert outcome_in_words.control_in_words(OUTCOME) == (
        "the same amount of random noise, 8 draws: still a dog every time"
    )


@pytest.mark.parametrize(
    ("reached", "unchanged", "said"),
    [
        (0, 6, "8 draws: still a dog in 6, never a cat"),
        (3, 5, "8 draws: a cat in 3, so chance alone may explain it"),
    ],
)
def test_a_control_that_moves_is_not_hidden(reached: int, unchanged: int, said: str) -> None:
    moved = replace(OUTCOME, control=Control(8, reached, unchanged, 1.3))
    assert outcome_in_words.control_in_words(moved).endswith(said)


def test_survival_is_told_in_ticks() -> None:
    assert (
        outcome_in_words.survival_in_words(OUTCOME) == "survives 2 of 3: jpeg 95 ✓ 50 ✗, resize 0.5 ✓"
    )


def test_the_price_of_survival_is_told() -> None:
    said = outcome_in_words.surviving_cost_in_words(OUTCOME)
    assert said == "to come through jpeg:95 and resize:0.5 the change is 1.52 times as large"


def test_what_another_model_says() -> None:
    (other,) = OUTCOME.transfer
    assert outcome_in_words.transfer_in_words(other) == "tiny is fooled too: dog 99 % -> cat 61 %"
    other = replace(other, fooled=False)
    assert outcome_in_words.transfer_in_words(other) == "tiny is not fooled: dog 99 % -> cat 61 %"
