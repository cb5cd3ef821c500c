"""Bars are for terminals; where there is none, only a long attack says a line."""

from itertools import count

import pytest

from pasunchat.commands import bars
from pasunchat.commands.bars import attack_bar, epoch_bar, progress_bar
from pasunchat.measures.robustness import SplitProgress


def use_all() -> None:
    with progress_bar("looking", "checks") as told:
        told(3, 8)
    with epoch_bar() as show:
        show("epoch 1", 60, 60)
        show("epoch 2", 20, 60)
    with attack_bar() as attacked:
        attacked(SplitProgress(16, 32, 5, 2.0))


def test_nothing_is_shown_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    use_all()
    assert capsys.readouterr() == ("", "")


def test_a_terminal_is_shown_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes any stream for a terminal
    monkeypatch.setenv("NO_COLOR", "1")
    use_all()
    shown = capsys.readouterr()
    assert shown.out == ""
    for text in ("looking", "3/8", "epoch 2", "20/60", "16/32", "5 fooled", " s left"):
        assert text in shown.err


def test_a_long_attack_says_once_how_long_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with attack_bar() as show:
        for at in (
            SplitProgress(8, 100, 0, None),
            SplitProgress(16, 100, 12, 95.0),
            SplitProgress(32, 100, 20, 80.0),
        ):
            show(at)
    assert capsys.readouterr().err == "84 more photos: about 1 min 35 s\n"
    with attack_bar() as show:
        show(SplitProgress(16, 32, 12, 2.0))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("seconds", "said"), [(0.1, ""), (10.0, "note: this takes some ")])
def test_a_search_that_takes_minutes_is_announced_once(
    seconds: float, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step takes `seconds`."""
    clock = count(0, seconds)
    monkeypatch.setattr(bars.time, "monotonic", lambda: next(clock))
    with bars.fool_bar() as bar:
        for _ in range(2):
            for step in range(8):
                bar.steps(step, 40)
            bar.photos(1, 2)
    found = capsys.readouterr().err
    assert found.startswith(said) and found.count("\n") == bool(said)
    assert not said or "--seconds" in found
