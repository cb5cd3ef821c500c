"""`pasunchat attack` as typed."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

ATTACK = ("attack", "simple", "--data", "data")
FOLDER = Path("runs/simple/attack/best-l2")


def test_it_leaves_an_attack_in_the_run_and_in_its_report(place: Path, call: Callable) -> None:
    said = call(*ATTACK)
    assert said.status == 0, said.err
    assert "Without any change" in said.out and "enough is" in said.out
    assert "the most fragile: " in said.out and "the most stubborn: " in said.out
    last = said.out.rstrip().splitlines()[-2:]
    assert last == [f"wrote {FOLDER}/", "next: pasunchat report runs/simple"]
    assert {path.name for path in FOLDER.iterdir()} == {
        "info.json", "shards", "timing.jsonl", "pictures", "photos.csv", "robustness.json",
        "curve.png", "curve.svg", "fragile", "stubborn",
    } | ({"photos.parquet"} & {path.name for path in FOLDER.iterdir()})  # fmt: skip
    assert call("report", "simple").status == 0
    assert "How much does it withstand?" in Path("runs/simple/report.html").read_text()


def test_every_picture_fools_and_verifies(place: Path, call: Callable) -> None:
    assert call(*ATTACK, "--split", "all", "--limit", "8").status == 0
    folder = Path("runs/simple/attack/best-l2-all-limit-8")
    with (folder / "photos.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    fooled = [folder / "pictures" / row["picture"] for row in rows if row["fooled"] == "True"]
    assert fooled
    assert call("verify", *fooled, "--model", "simple").status == 0


def test_the_same_command_again_is_the_same_and_other_settings_have_a_folder_of_their_own(
    place: Path, call: Callable, files: Callable
) -> None:
    words = (*ATTACK, "--limit", "4", "--json")
    first = call(*words)
    again = call(*words)
    assert first.status == again.status == 0
    assert json.loads(first.out) == json.loads(again.out)
    options = "--limit 4 --split train --confidence 0.9 --effort quick"
    words = (*ATTACK, *options.split())
    assert call(*words).status == 0
    assert Path("runs/simple/attack/best-l2-at-0.9-quick-train-limit-4/curve.png").is_file()
    refused = call(*words, "--seed", "7")
    assert refused.status == 2 and refused.err.count("error") == 1
    assert "another seed" in refused.err
    assert call(*words, "--seed", "7", "--overwrite").status == 0


@pytest.mark.parametrize(
    ("require", "status", "said"),
    [
        ("0@1000", 0, "holds: 0 % stay right within L2 1,000, 0 % required"),
        ("0.01@1000", 1, "falls short: 0 % stay right within L2 1,000, 1.0 % required"),
        ("0.5@1/255", 0, "holds: "),
        ("1@1000", 1, "falls short: "),
    ],
)
def test_what_is_required_decides_the_exit_status(
    place: Path, call: Callable, require: str, status: int, said: str
) -> None:
    found = call(*ATTACK, "--limit", "8", "--require", require)
    assert found.status == status, found.err
    assert said in found.err


def test_in_json(place: Path, call: Callable) -> None:
    said = call(*ATTACK, "--limit", "4", "-o", "new", "--json")
    assert said.status == 0, said.err
    found = json.loads(said.out)
    assert found == json.loads(Path("new/robustness.json").read_text())
    assert found["photos"] == 4 and found["info"]["request"]["norm"] == "l2"
    assert found["curve"][0]["radius"] == 0


def test_photos_are_prepared_and_another_dataset_is_noted(place: Path, call: Callable) -> None:
    Path("photos/cat/0.png").unlink()
    said = call("attack", "simple", "--data", "photos", "--limit", "2", "-o", "new")
    assert said.status == 0, said.err
    assert "learnt from another dataset" in said.err
    assert "next: look at new/curve.png" in said.out


def test_interrupted_it_says_how_to_go_on(
    place: Path, call: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pasunchat.measures.robustness.attack_split", stopped)
    said = call(*ATTACK)
    assert said.status == 130
    assert "the same command goes on" in said.err
