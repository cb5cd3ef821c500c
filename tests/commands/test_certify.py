"""pasunchat certify: radii on the screen, a split with its files, and what is required."""

import json
from pathlib import Path

import pytest

from pasunchat.__main__ import run
from pasunchat.classifiers.build import build
from pasunchat.classifiers.files import save


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run named `small` and photos in `photos/`."""
    place = tmp_path_factory.mktemp("certify")
    assert (
        run(["prepare", "drawn:count=40,size=32", "-o", str(place / "data"), "--size", "32"]) == 0
    )
    from pasunchat.photos.dataset import open_dataset

    dataset = open_dataset(place / "data")
    classifier = build(
        "simple:width=4,depth=2", classes=dataset.classes, size=32, seed=0,
        trained_on=dataset.digest,
    )  # fmt: skip
    save(classifier, place / "runs" / "small")
    from PIL import Image

    Image.fromarray(dataset.pixels[0]).save(place / "one.png")
    return place


@pytest.fixture(autouse=True)
def _there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def test_a_photo_s_radius_is_said_and_can_be_required(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["certify", "small", "one.png", "--effort", "quick", "--require", "1e-6"]) == 0
    said = capsys.readouterr()
    assert "of 255 levels" in said.out and "holds:" in said.err
    assert run(["certify", "small", "one.png", "--radius", "0.5", "--require", "0.5"]) == 1
    assert "falls short:" in capsys.readouterr().err


def test_a_split_leaves_what_verify_proves_again(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["certify", "small", "--data", "data", "--limit", "3", "--effort", "quick"]
    assert run(words) == 0
    folder = place / "runs/small/certificate/linf-quick-limit-3"
    found = json.loads((folder / "certificate.json").read_text())
    assert found["photos"] == 3 and (folder / "axis.png").is_file()
    receipts = sorted((folder / "receipts").glob("*.png"))
    assert len(receipts) == found["proved"]
    before = {
        path: path.read_bytes() for path in folder.rglob("*.*") if path.name != "timing.jsonl"
    }
    assert run(words) == 0
    assert all(path.read_bytes() == data for path, data in before.items())
    capsys.readouterr()
    if receipts:
        assert run(["verify", *map(str, receipts)]) == 0
        assert capsys.readouterr().out.count("holds; no change up to") == len(receipts)


def test_an_attack_on_the_same_photos_stands_on_the_same_axis(
    capsys: pytest.CaptureFixture[str],
) -> None:
    same = ["--data", "data", "--limit", "3"]
    assert run(["attack", "small", *same, "--norm", "linf"]) == 0
    capsys.readouterr()
    assert run(["certify", "small", *same, "--effort", "quick"]) == 0
    said = capsys.readouterr().out
    assert "(proved)" in said and "(shown)" in said and "not known" in said


def test_an_attack_certifies_the_same_photos_and_goes_on_with_them(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["attack", "small", "--data", "data", "--limit", "2", "--split", "all"]
    words += ["--norm", "linf", "--effort", "quick", "--certify"]
    assert run(words) == 0
    said = capsys.readouterr().out
    folder = place / "runs/small/certificate/linf-quick-all-limit-2"
    assert f"wrote {folder.relative_to(place)}/" in said and (folder / "axis.png").is_file()
    assert "it is proved" in said and "(proved)" in said and "(shown)" in said
    before = (folder / "timing.jsonl").read_bytes()
    assert run([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["attack"]["photos"] == found["certificate"]["photos"] == 2
    assert found["attack"]["info"]["limit"] == found["certificate"]["info"]["limit"] == 2
    assert (folder / "timing.jsonl").read_bytes() == before
    certify = ["certify", "small", "--data", "data", "--limit", "2", "--split", "all"]
    assert run([*certify, "--effort", "quick"]) == 0
    assert (folder / "timing.jsonl").read_bytes() == before


def test_a_change_within_what_is_proved_is_exit_status_2_and_both_receipts_stay(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A certificate on disk that claims too much, as a fault in the bounds would."""
    words = ["attack", "small", "--data", "data", "--limit", "3", "--split", "train"]
    words += ["--norm", "linf", "--effort", "quick", "--certify"]
    assert run(words) == 0
    folder = place / "runs/small/certificate/linf-quick-train-limit-3"
    (shard,) = (folder / "shards").iterdir()
    block = json.loads(shard.read_text())
    for photo in block["photos"]:
        photo["radius"] = 1.0 if photo["radius"] else 0.0
    shard.write_text(json.dumps(block))
    capsys.readouterr()
    assert run(words) == 2
    said = capsys.readouterr()
    assert "a change within a proved radius fools" in said.err
    assert "both receipts are kept" in said.out
    assert list((folder / "receipts").glob("*.png"))
    attack = place / "runs/small/attack/best-linf-quick-train-limit-3/pictures"
    assert list(attack.glob("*.png"))


@pytest.mark.parametrize(
    ("norm", "expected"), [("l2", "ask for linf, or take smoothed:"), ("l0", "expected linf, l2")]
)
def test_an_attack_in_a_norm_without_a_certificate_is_refused_before_it_runs(
    norm: str, expected: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(place.rglob("*"))
    assert run(["attack", "small", "--data", "data", "--norm", norm, "--certify"]) == 2
    said = capsys.readouterr()
    assert expected in said.err and said.err.count("\n") == 1 and not said.out
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["small"], "expected photos, or --data"),
        (["small", "one.png", "--norm", "l2"], "ask for linf, or take smoothed:MODEL"),
        (["small", "one.png", "--require", "0.5@1/255"], "expected a radius"),
        (["small", "--data", "data", "--require", "1/255"], "expected SHARE@RADIUS"),
        (["small", "--data", "data", "--require", "2@1/255"], "a share of at most 1"),
        (["small", "one.png", "--effort", "great"], "expected quick, normal, thorough"),
        (["small", "one.png", "--radius", "0"], "a number above 0"),
        (["smoothed:small,sigma=0.25", "one.png", "--norm", "linf"], "the model itself"),
    ],
)
def test_a_slip_is_one_line_and_leaves_nothing(
    words: list[str], expected: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(place.rglob("*"))
    assert run(["certify", *words]) == 2
    said = capsys.readouterr().err
    assert expected in said and said.count("\n") == 1
    assert sorted(place.rglob("*")) == before
