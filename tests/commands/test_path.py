"""The commands one after another, as a newcomer types them."""

import csv
import io
import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pasunchat.photos.dataset import open_dataset

PHOTO = "photos/cat/0.png"
MODEL = ("--model", "simple")
STRONG = "learned-noise:const=0.001,lr=0.01"  # a picture of 16 x 16 has few pixels to change


def test_each_command_says_what_it_wrote_and_what_is_next(place: Path, call: Callable) -> None:
    for words, wrote in (
        ("prepare photos -o new --size 16", "new/"),
        ("train new --network simple --epochs 1 --name new", "runs/new/"),
        ("evaluate simple", "runs/simple/evaluation/"),
        (f"fool {PHOTO} --model simple", "runs/simple/fooled/0.dog/row.png"),
        ("report simple", "runs/simple/report.html"),
    ):
        said = call(*words.split())
        assert said.status in (0, 1), said.err
        last = said.out.rstrip().splitlines()[-2:]
        assert last[0] == f"wrote {wrote}"
        assert last[1].startswith("next: ")
        assert Path(wrote).exists()


def test_train_leaves_a_run_that_says_how_it_was_made(place: Path) -> None:
    names = {path.name for path in (place / "runs" / "simple").iterdir()}
    assert names == {
        "classifier.json", "weights.safetensors", "recipe.json", "run.json", "history.jsonl",
        "timing.jsonl", "curves.png", "curves.svg",
    }  # fmt: skip


def test_a_second_run_does_not_replace_the_first(place: Path, call: Callable) -> None:
    assert call("train", "data", "--network", "simple", "--epochs", "1").status == 0
    assert (place / "runs" / "simple-2").is_dir()


def test_overwrite_replaces_a_run_and_nothing_that_is_none(place: Path, call: Callable) -> None:
    words = ("train", "data", "--network", "simple", "--epochs", "1", "--overwrite", "--name")
    assert call(*words, "simple").status == 0
    history = (place / "runs" / "simple" / "history.jsonl").read_text()
    assert len(history.splitlines()) == 1
    shutil.copytree("photos", "runs/photos")
    said = call(*words, "photos")
    assert said.status == 2 and "is no run" in said.err
    assert Path("runs/photos/cat/0.png").exists()


def test_a_run_is_defended_within_the_distance_that_fools_it(place: Path, call: Callable) -> None:
    said = call(*shlex.split("train data --start simple --defend auto --epochs 2 --name hard"))
    assert said.status in (0, 1), said.err
    recipe = json.loads(Path("runs/hard/recipe.json").read_text())
    assert recipe["network"] == "simple" and recipe["start"] == "runs/simple"
    assert f"--defend auto is {recipe['defend']}" in said.err
    assert recipe["defend"].startswith("linf:") and recipe["defend"].endswith("/255")
    assert "robust accuracy" in said.out and "How robust it is, pasunchat attack says" in said.out
    history = Path("runs/hard/history.jsonl").read_text().splitlines()
    assert all(json.loads(line)["robust_accuracy"] is not None for line in history)


def test_photos_are_prepared_into_a_cache_when_trained_on(place: Path, call: Callable) -> None:
    words = ("--epochs", "1", "--network", "linear", "--size", "20", "--json")
    said = call("train", "photos", *words)
    assert said.status == 0, said.err
    data = json.loads(said.out)["info"]["data"]
    assert open_dataset(Path(data["path"])).size == 20
    assert data["counts"]["cat"]["train"] > 20


def test_evaluate_in_json(place: Path, call: Callable) -> None:
    found = json.loads(call("evaluate", "simple", "--json").out)
    assert sum(map(sum, found["confusion"])) == found["photos"]
    assert found["interval"][0] <= found["accuracy"] <= found["interval"][1]


def test_evaluate_on_another_split_and_on_other_photos(place: Path, call: Callable) -> None:
    assert "accuracy on validation" in call("evaluate", "simple", "--split", "validation").out
    said = call("evaluate", "simple", "--data", "photos", "--split", "all", "-o", "elsewhere")
    assert said.status == 0, said.err
    assert "of 120" in said.out
    assert Path("elsewhere/evaluation.json").is_file()


def test_predict_files_folders_and_patterns(place: Path, call: Callable) -> None:
    found = json.loads(call("predict", "photos/cat", "photos/dog/1*.png", PHOTO, "--json").out)
    assert len(found) == 60 + 11 + 1
    assert found[-1]["file"] == PHOTO
    assert all(sum(row["probabilities"].values()) == pytest.approx(1) for row in found)


def test_predict_in_csv(place: Path, call: Callable) -> None:
    rows = list(csv.DictReader(io.StringIO(call("predict", PHOTO, "--csv").out)))
    assert [row["file"] for row in rows] == [PHOTO]
    assert float(rows[0]["cat"]) + float(rows[0]["dog"]) == pytest.approx(1, abs=1e-5)


def test_the_newest_run_is_the_model_unless_one_is_named(place: Path, call: Callable) -> None:
    answers = [json.loads(call("predict", PHOTO, "--json", *more).out) for more in ((), MODEL)]
    assert answers[0] == answers[1]


def test_fool_and_verify(place: Path, call: Callable) -> None:
    said = call("fool", PHOTO, "--as", "dog", "--attack", STRONG)
    assert said.status == 0, said.err + said.out
    assert "read back from disk and asked again" in said.out
    assert "random noise, 8 draws" in said.out
    folder = place / "runs" / "simple" / "fooled" / "0.dog"
    names = {path.name for path in folder.iterdir()}
    assert names == {"0.dog.png", "noise.png", "photo.png", "row.png", "result.json"}
    result = json.loads((folder / "result.json").read_text())
    (found,) = json.loads(call("predict", folder / "0.dog.png", "--json").out)
    assert found["prediction"]["label"] == "dog"
    confidence = pytest.approx(result["after"]["confidence"], abs=1e-6)
    assert found["prediction"]["confidence"] == confidence
    assert found["model"] == result["model"] == str(Path("runs/simple"))
    verified = call("verify", folder / "0.dog.png", "--photo", PHOTO)
    assert verified.status == 0 and "holds" in verified.out
    assert f"look at {Path('runs/simple/fooled/0.dog/row.png')}" in said.out
    assert call("fool", PHOTO, "--as", "dog").status == 2


def test_each_photo_is_told_as_soon_as_it_is_done(place: Path, call: Callable) -> None:
    photos = [f"photos/cat/{index}.png" for index in range(6)]
    said = call("fool", *photos, "--as", "dog", "--attack", STRONG)
    looks = [line for line in said.out.splitlines() if line.startswith("  look at")]
    assert len(looks) == 6 and all(line.endswith("row.png") for line in looks)


def test_lines_are_as_wide_as_the_terminal(
    place: Path, call: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    said = call("fool", PHOTO, "--as", "dog", "--attack", STRONG)
    start = said.out.index("survives")
    lines = said.out[start : said.out.index("look at")].splitlines()
    assert len(lines) > 2 and all(len(line) <= 60 for line in lines)
    assert not any(line.strip().startswith(("✓", "✗")) for line in lines)


def test_verify_says_no_with_status_1(place: Path, call: Callable) -> None:
    said = call("verify", PHOTO)
    assert said.status == 1
    assert "no receipt" in said.out
    call("fool", PHOTO, "--as", "dog", "--attack", STRONG)
    call("train", "data", "--network", "simple", "--epochs", "1", "--seed", "7", "--name", "other")
    picture = "runs/simple/fooled/0.dog/0.dog.png"
    other = call("verify", picture, "--model", "other")
    assert other.status == 1 and "another classifier" in other.out
    wrong = call("verify", picture, "--model", "simple", "--photo", "photos/dog/0.png")
    assert wrong.status == 1 and "not the one it was made from" in wrong.out


def test_not_fooled_is_said_with_status_1_and_keeps_the_closest_try(
    place: Path, call: Callable
) -> None:
    said = call("fool", PHOTO, "--as", "dog", "--attack", "learned-noise:steps=1")
    assert said.status == 1
    assert "not fooled: " in said.out and "--effort" in said.out
    folder = place / "runs" / "simple" / "fooled" / "0.dog"
    assert (folder / "0.closest-to-dog.png").is_file()
    assert not (folder / "0.dog.png").exists()


def test_already_read_so_is_not_counted_as_fooled(place: Path, call: Callable) -> None:
    said = call("fool", PHOTO, "--as", "cat")
    assert said.status == 1
    assert "before anything was changed" in said.out


def test_the_report_stands_alone(place: Path, call: Callable) -> None:
    for words in ("evaluate simple", f"fool {PHOTO} --attack {STRONG}", "report simple"):
        assert call(*words.split()).status == 0
    page = Path("runs/simple/report.html").read_text()
    assert "<script" not in page
    assert "data:image/png;base64" in page
    assert call("report", "simple").status == 0


def test_summary_of_a_run(place: Path, call: Callable) -> None:
    found = json.loads(call("summary", "simple", "--size", "16", "--json").out)
    assert found["size"] == 16
    assert (
        "30,178" in call("summary", "runs/simple").out
        or "total parameters" in call("summary", "runs/simple").out
    )


def test_a_picture_is_verified_with_its_own_model_wherever_the_run_goes(
    place: Path, call: Callable
) -> None:
    call("fool", PHOTO, "--as", "dog", "--attack", STRONG)
    call("train", "data", "--network", "simple", "--epochs", "1", "--seed", "7", "--name", "newer")
    picture = "runs/simple/fooled/0.dog/0.dog.png"
    assert call("verify", picture).status == 0
    shutil.move("runs/simple", "kept")
    assert call("verify", "kept/fooled/0.dog/0.dog.png").status == 0
    shutil.copy("kept/fooled/0.dog/0.dog.png", "alone.png")
    lost = call("verify", "alone.png")
    assert lost.status == 2 and "runs/simple" in lost.err and "--model" in lost.err


@pytest.mark.parametrize(
    "words",
    [
        f"predict {PHOTO}", "evaluate", f"fool {PHOTO} --as dog --attack {STRONG}",
        "attack simple --data data --limit 4 --attack fgsm --radius 8/255 --norm linf",
        "compare simple shipped:simple --data photos --split all -o comparison",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_the_model_that_answered_is_named(
    place: Path, call: Callable, words: str, form: tuple[str, ...]
) -> None:
    said = call(*words.split(), *form)
    assert said.status in (0, 1), said.err
    assert ("simple" if words.startswith("compare") else "runs/simple") in said.out


def test_a_run_that_has_a_shipped_name_is_said(place: Path, call: Callable) -> None:
    said = call("predict", PHOTO, *MODEL)
    assert "simple is your run runs/simple" in said.err and "shipped:simple" in said.err
    assert "newest run is taken: runs/simple" in call("predict", PHOTO).err
    said = call("predict", PHOTO, "--model", "shipped:simple")
    assert said.err == "" and "model: shipped:simple" in said.out


def test_markup_in_names_is_no_markup(
    place: Path, call: Callable, make_photos: Callable[..., Path]
) -> None:
    names = ("[red]$5_a^$ & <b>", "plain[x]")
    make_photos(place / "odd", dict.fromkeys(names, 20))
    words = ("--network", "linear", "--size", "16", "--epochs", "1", "--name", "[bold] $x")
    assert call("train", "odd", *words).status == 0
    said = call("evaluate", "[bold] $x", "--split", "all")
    assert said.status == 0, said.err
    assert all(name in said.out for name in names) and "model: runs/[bold] $x" in said.out
    photo = place / "odd" / names[0] / "0.png"
    said = call("fool", photo, "--model", "[bold] $x", "--as", names[1], "--confidence", "0")
    assert said.status in (0, 1), said.err
    page = Path(call("report", "[bold] $x").out.split("wrote ")[1].splitlines()[0]).read_text()
    assert "<b>" not in page and "&lt;b&gt;" in page


def test_no_cell_of_a_table_is_cut(place: Path, call: Callable) -> None:
    long = place / ("x" * 120)
    long.mkdir()
    shutil.copy(PHOTO, long / "0.png")
    (long / "1.png").write_text("no photo")
    said = call("predict", long, "--model", "simple")
    (row,) = [line for line in said.out.splitlines() if line.startswith(str(long / "0.png"))]
    assert {"cat", "dog"} & set(row.removeprefix(str(long)).split())
    assert f"no photo: {long / '1.png'}: " in said.out


def test_what_is_next_is_quoted_for_a_shell(place: Path, call: Callable) -> None:
    shutil.move("runs/simple", "runs/a & b")
    shutil.copy(PHOTO, "it's mine.png")
    said = call("predict", "it's mine.png", "--model", "a & b")
    last = said.out.splitlines()[-1].removeprefix("next: ")
    words = shlex.split(last)
    assert words == ["pasunchat", "fool", "it's mine.png", "--model", "runs/a & b"]
    assert call(*words[1:], "--attack", STRONG).status == 0


def test_after_a_kill_the_words_fit(place: Path, call: Callable) -> None:
    run = place / "runs" / "simple"
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(info | {"ended": None, "best_epoch": None}))
    (run / "classifier.json").unlink()
    (run / "weights.safetensors").unlink()
    for words in ("evaluate simple", f"fool {PHOTO} --model simple", "train data --name simple"):
        said = call(*words.split())
        assert said.status == 2 and said.err.count("\n") == 1
        assert "runs/simple is unfinished" in said.err
        first, _, last = said.err.partition("train --resume runs/simple")
        assert last and "overwrite" not in first
    said = call("train", "data", "--network", "simple", "--epochs", "1")
    assert (
        said.status == 0 and "runs/simple is unfinished, so this run is runs/simple-2" in said.err
    )
    assert call("train", "--resume", "simple").status == 0
    assert call("evaluate", "simple").status == 0


def test_what_is_no_photo_in_a_folder_gets_a_reason(
    place: Path, call: Callable, tmp_path: Path
) -> None:
    """A folder that is named like a photo too."""
    (tmp_path / "a.png").write_bytes(Path(PHOTO).read_bytes())
    (tmp_path / "m.jpg").mkdir()
    said = call("predict", str(tmp_path), "--csv")
    assert said.status == 1
    reasons = [row["reason"] for row in csv.DictReader(io.StringIO(said.out))]
    assert reasons[0] == "" and "folder" in reasons[1]
