"""`pasunchat compare` as typed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

COMPARE = ("compare", "simple", "linear", "--data")


@pytest.fixture
def models(place: Path, call: Callable) -> Path:
    """The place, with runs/simple and runs/linear from data/."""
    words = "train data --epochs 1 --network linear --name linear"
    assert call(*words.split()).status == 0
    return place


def test_it_leaves_a_comparison_in_the_first_run_and_in_its_report(
    models: Path, call: Callable
) -> None:
    said = call(*COMPARE, "data")
    assert said.status == 0, said.err
    assert "the same for all" in said.out and "photos/s" in said.out
    assert "McNemar's exact test" in said.out and "Holm" not in said.out
    last = said.out.rstrip().splitlines()[-2:]
    assert last == ["wrote runs/simple/comparison/", "next: pasunchat report runs/simple"]
    names = {path.name for path in Path("runs/simple/comparison").iterdir()}
    assert names == {"comparison.json", "comparison.png", "comparison.svg", "timing.json"}
    assert call("report", "simple").status == 0
    assert "How does it compare?" in Path("runs/simple/report.html").read_text()
    assert call("report", "linear").status == 0
    assert "How does it compare?" not in Path("runs/linear/report.html").read_text()


def test_again_it_is_the_same_bytes_but_for_the_times(models: Path, call: Callable) -> None:
    assert call(*COMPARE, "data", "-o", "one").status == 0
    assert call(*COMPARE, "data", "-o", "two").status == 0
    for name in ("comparison.json", "comparison.png", "comparison.svg"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_in_json(models: Path, call: Callable) -> None:
    said = call(*COMPARE, "data", "--split", "all", "-o", "new", "--json")
    assert said.status == 0, said.err
    found = json.loads(said.out)
    assert found["comparison"] == json.loads(Path("new/comparison.json").read_text())
    assert found["comparison"]["photos"] == 120
    assert "120 photos, the same for all" in call(*COMPARE, "data", "--split", "all").out
    assert set(found["timing"]["photos_per_second"]) == {"simple", "linear"}


def test_models_of_two_sizes_on_photos(models: Path, call: Callable) -> None:
    for words in (
        "prepare photos -o data12 --size 12",
        "train data12 --epochs 1 --network linear --name small",
    ):
        assert call(*words.split()).status == 0
    said = call("compare", "simple", "linear", "small", "--data", "photos", "-o", "new", "--json")
    assert said.status == 0, said.err
    found = json.loads(said.out)["comparison"]
    assert [model["size"] for model in found["models"]] == [16, 16, 12]
    assert [model["trained_here"] for model in found["models"]] == [True, True, True]
    assert len(found["pairs"]) == 3 and found["left_out"] == 0
    refused = call("compare", "simple", "small", "--data", "data", "-o", "other")
    assert refused.status == 2 and refused.err.count("\n") == 1
    assert refused.err.startswith("error: small: ") and "DATA" in refused.err


def test_other_photos_than_it_learnt_from_are_noted(models: Path, call: Callable) -> None:
    Path("photos/cat/0.png").unlink()
    said = call(*COMPARE, "photos", "-o", "new")
    assert said.status == 0, said.err
    assert "simple and linear learnt from another dataset" in said.err


def test_it_replaces_a_comparison_when_told_and_nothing_else(models: Path, call: Callable) -> None:
    assert call(*COMPARE, "data", "-o", "new").status == 0
    assert call(*COMPARE, "data", "-o", "new").status == 2
    assert call(*COMPARE, "data", "-o", "new", "--overwrite").status == 0
    said = call(*COMPARE, "data", "-o", "photos", "--overwrite")
    assert said.status == 2 and "is no comparison" in said.err
    assert Path("photos/cat/0.png").is_file()


def test_what_is_not_comparable_is_refused_before_any_work(
    models: Path, call: Callable, files: Callable
) -> None:
    shutil.copytree("runs/simple", "runs/copy")
    before = files(models)
    for words, said in (
        ("simple runs/simple", "same model"),
        ("simple copy", "simple and copy are the same model"),
        ("simple simple", "given twice"),
        ("simple", "at least two"),
        ("simple linear --split half", "half"),
    ):
        found = call(*f"compare {words} --data data".split())
        assert found.status == 2 and found.err.count("\n") == 1
        assert said in found.err
        assert files(models) == before


PROVE = ("--certify", "--limit", "3", "--effort", "quick")


def test_what_is_proved_stands_beside_what_an_attack_showed(models: Path, call: Callable) -> None:
    """Certificates are kept where `certify` keeps them, and found again without --certify."""
    said = call(*COMPARE, "data", *PROVE)
    assert said.status == 0, said.err
    assert "% or more" in said.out
    assert "pasunchat attack simple --data DATA --norm linf --limit 3" in said.out
    for name in ("simple", "linear"):
        assert Path(f"runs/{name}/certificate/linf-quick-limit-3/certificate.json").is_file()
    attack = "attack simple --data data --norm linf --limit 3 --effort quick"
    assert call(*attack.split()).status == 0
    said = call(*COMPARE, "data", "--overwrite")
    assert said.status == 0, said.err
    assert "attacked by" in said.out and "(proved)" in said.out
    assert "pasunchat attack simple --data" not in said.out
    found = json.loads(call(*COMPARE, "data", "-o", "new", "--json").out)["proved"]
    assert found == json.loads(Path("new/proved.json").read_text())
    assert [model["name"] for model in found[0]["models"]] == ["simple", "linear"]


def test_norms_are_not_mixed_in_one_table(models: Path, call: Callable) -> None:
    words = f"compare linear smoothed:linear,sigma=0.01 --data data -o new {' '.join(PROVE)}"
    said = call(*words.split())
    assert said.status == 0, said.err
    assert {"proved-l2.png", "proved-linf.png"} <= {path.name for path in Path("new").iterdir()}
    assert "another classifier than the one inside" in said.out
    assert "Sizes in one norm say nothing of sizes in another" in said.out


def test_a_model_that_has_no_certificate_is_named_and_the_others_go_on(
    models: Path, call: Callable
) -> None:
    Path("sigmoid_inside.py").write_text(
        "from torch import nn\n"
        "def made():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(768, 4), nn.Sigmoid(), nn.Linear(4, 2))\n"
    )
    bent = "sigmoid_inside:made:size=16,classes=cat/dog,scale=0..1"
    said = call("compare", "linear", bent, "--data", "data", "-o", "new", *PROVE)
    assert said.status == 0, said.err
    assert "nothing is proved of it" in said.err and "take smoothed:MODEL" in said.err
    assert "No certificate on these photos: sigmoid_inside:made" in said.out
    (axis,) = json.loads(Path("new/proved.json").read_text())
    assert [model["name"] for model in axis["models"]] == ["linear"]


def test_a_change_within_what_is_proved_is_exit_status_2(models: Path, call: Callable) -> None:
    """A certificate on disk that claims too much, as a fault in the bounds would."""
    attack = "attack linear --data data --norm linf --limit 3 --effort quick --certify"
    assert call(*attack.split()).status == 0
    path = Path("runs/linear/certificate/linf-quick-limit-3/certificate.json")
    claimed = json.loads(path.read_text())
    for photo in claimed["certified"]:
        photo["radius"] = 1.0 if photo["radius"] else 0.0
    path.write_text(json.dumps(claimed))
    said = call(*COMPARE, "data", "-o", "new")
    assert said.status == 2 and "One of the two is wrong" in said.out
    assert Path("new/proved-linf.png").is_file()


def test_a_limit_without_certify_is_refused(models: Path, call: Callable) -> None:
    said = call(*COMPARE, "data", "--limit", "3")
    assert said.status == 2 and "--certify" in said.err
