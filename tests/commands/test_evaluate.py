"""What `evaluate` and its neighbours print of many classes fits a terminal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pasunchat.commands.printing import fits, table

MANY = {f"breed-{number:02}": 6 for number in range(37)}


@pytest.mark.parametrize("rows", [[["a", "1"]], [["a" * 60, "1"], ["b", "2" * 70]]])
def test_a_table_fits_where_nothing_of_it_is_cut_off(
    rows: list[list[str]],
) -> None:
    assert fits(("name", "count"), rows)
    assert not fits(("name", "count"), [*rows, ["c" * 100, "3" * 60]])


def test_of_37_classes_the_worst_ten_are_shown_and_all_are_in_a_file(
    make_photos: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable,
) -> None:
    make_photos(tmp_path / "photos", MANY, size=37)
    monkeypatch.chdir(tmp_path)
    said = [
        call("prepare", "photos", "-o", "data", "--size", "16"),
        call("train", "data", "--network", "linear", "--epochs", "1", "--name", "it"),
        call("evaluate", "it"),
    ]
    for each in said:
        assert each.status == 0, each.err
        assert max(map(len, each.out.splitlines())) <= 100
    prepared, _, evaluated = (each.out for each in said)
    assert "37 classes, 222 photos" in prepared
    assert sum(name in evaluated.partition("the 10 worst")[0] for name in MANY) >= 10
    assert "the 10 worst of 37 classes; all are in runs/it/evaluation/classes.csv" in evaluated
    listed = (tmp_path / "runs" / "it" / "evaluation" / "classes.csv").read_text()
    assert all(f"\n{name}," in listed for name in MANY)


def test_names_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    table(("class", "[red]"), [["[bold]cat[/bold]", "1"], ["x" * 150, "2"]])
    said = capsys.readouterr().out
    assert "[red]" in said and "[bold]cat[/bold]" in said and "x" * 150 in said
