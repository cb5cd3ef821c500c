"""What is said of a fooled photo."""

from dataclasses import replace

import pytest

from pasunchat.fooled import outcome_in_words as words
from pasunchat.fooled.control import Control
from pasunchat.fooled.outcome import Outcome


def test_change_and_control(outcome: Outcome) -> None:
    said = "at most 8 of 255 levels, L2 1.31, in 15,021 values of 9,950 pixels"
    assert words.change_in_words(outcome) == said
    assert words.control_in_words(outcome) == (
        "the same amount of random noise, 8 draws: still a dog every time"
    )


@pytest.mark.parametrize(
    ("reached", "unchanged", "said"),
    [
        (0, 6, "8 draws: still a dog in 6, never a cat"),
        (3, 5, "8 draws: a cat in 3, so chance alone may explain it"),
    ],
)
def test_a_control_that_moves_is_not_hidden(
    outcome: Outcome, reached: int, unchanged: int, said: str
) -> None:
    moved = replace(outcome, control=Control(8, reached, unchanged, 1.3))
    assert words.control_in_words(moved).endswith(said)


def test_noise_is_called_little_only_where_it_is(outcome: Outcome) -> None:
    little = replace(outcome, largest_change=6, l2=0.65, values=18_400)
    assert words.noise_in_words([little]) == "a little noise of at most 6 of 255 levels"
    dense = replace(little, largest_change=4, l2=6.0, values=150_528)  # 4 levels in every value
    assert words.noise_in_words([dense]) == "noise of at most 4 of 255 levels"
    visible = replace(little, largest_change=17, l2=2.15, values=122_697)
    assert words.noise_in_words([little, visible]) == "noise of at most 17 of 255 levels"
    few = replace(little, largest_change=255, l2=1.0, values=3)
    assert words.noise_in_words([few]) == "strong noise of at most 255 of 255 levels"


def test_survival_is_told_in_ticks(outcome: Outcome) -> None:
    said = "survives 2 of 3: jpeg 95 ✓ 50 ✗, resize 0.5 ✓"
    assert words.survival_in_words(outcome) == said


def test_the_cost_of_surviving_is_told(outcome: Outcome) -> None:
    said = words.surviving_cost_in_words(outcome)
    assert said == "to come through jpeg:95 and resize:0.5 the change is 1.52 times as large"


def test_what_another_model_says(outcome: Outcome) -> None:
    (other,) = outcome.transfer
    assert words.transfer_in_words(other) == "tiny is fooled too: dog 99 % -> cat 61 %"
    other = replace(other, fooled=False)
    assert words.transfer_in_words(other) == "tiny is not fooled: dog 99 % -> cat 61 %"


def test_nothing_changed_is_told(outcome: Outcome) -> None:
    untouched = replace(outcome, factor=0.0, largest_change=0, l2=0.0, control=None)
    assert words.change_in_words(untouched) == "nothing was changed"
    assert words.control_in_words(untouched).startswith("nothing was changed")
