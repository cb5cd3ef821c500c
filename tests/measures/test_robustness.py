"""A whole split attacked: each photo as if alone, stopped and continued to the same bytes."""

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from pasunchat.attacks.fool import Request, fool
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import AttackResult
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.files import save
from pasunchat.errors import PasunchatError
from pasunchat.fooled.receipt import read_receipt, verify
from pasunchat.measures import robustness as job
from pasunchat.measures.attack_folder import read_attacks
from pasunchat.measures.robustness import SplitProgress, attack_split, attacked_rows
from pasunchat.norms import L2, LINF
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.image import read_photo
from pasunchat.photos.prepare import prepare

QUICK = "learned-noise:steps=12,lr=0.03"
LIMIT, BLOCK = 14, 4


@pytest.fixture(scope="module")
def classifier(dataset: Dataset) -> Classifier:
    """Untrained, its bias such that it takes half of all photos for cats, rightly or not."""
    made = build("linear", classes=("cat", "dog"), size=16, seed=3)
    margin = made.logits(dataset.pixels) @ torch.tensor([1.0, -1.0])
    with torch.no_grad():
        made.network.dense.bias[1] += margin.median()
    return made


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "BLOCK", BLOCK)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file but that with the times."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "timing.jsonl"
    }


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "photos.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(
    classifier: Classifier, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of an attack that was never stopped."""
    folder = tmp_path_factory.mktemp("attack") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "BLOCK", BLOCK)
        attack_split(classifier, dataset, folder, attack=QUICK, split="all", limit=LIMIT)
    return folder


def test_each_photo_is_as_if_attacked_alone(
    classifier: Classifier, dataset: Dataset, whole: Path
) -> None:
    rows = attacked_rows(dataset, "all", LIMIT)
    found = table(whole)
    assert [int(photo["row"]) for photo in found] == rows.tolist()
    statuses = {photo["status"] for photo in found}
    assert "reached" in statuses and "already_wrong" in statuses
    for photo, row in zip(found, rows, strict=True):
        label = int(dataset.labels[row])
        pixels = as_pixels(dataset.pixels[row][None])
        alone = fool(
            classifier, pixels, goal=Goal(torch.tensor([label]), targeted=False), attack=QUICK
        )
        assert photo["real"] == dataset.classes[label]
        assert photo["status"] == alone.status[0]
        assert photo["forwards"] == str(int(alone.forwards[0]))
        if photo["status"] != "already_wrong":
            image = read_photo(whole / "pictures" / photo["picture"], 16, "pad")
            assert torch.equal(as_pixels(image[None]), alone.pixels)
            assert float(photo["l2"]) == pytest.approx(float(alone.distance[0]), rel=1e-5)
            assert float(photo["margin"]) == float(alone.margin[0])


def test_photos_misread_as_they_are_are_left_alone(whole: Path) -> None:
    for photo in table(whole):
        if photo["status"] == "already_wrong":
            assert photo["before"] == photo["after"] != photo["real"]
            assert photo["picture"] == "" and float(photo["l2"]) == 0
            assert photo["fooled"] == "False" and photo["backwards"] == "0"


def test_every_saved_file_is_what_the_table_says(classifier: Classifier, whole: Path) -> None:
    saved = {path.name for path in (whole / "pictures").iterdir()}
    attacked = [photo for photo in table(whole) if photo["picture"]]
    assert saved == {photo["picture"] for photo in attacked}
    for photo in attacked:
        said = verify(whole / "pictures" / photo["picture"], classifier)
        assert said.holds == (photo["fooled"] == "True"), said.findings
        assert said.prediction.label == photo["after"]
        assert said.prediction.confidence == pytest.approx(float(photo["confidence"]), abs=1e-6)


def test_a_photo_that_is_not_fooled_keeps_its_closest_try(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    weak = "learned-noise:steps=1,lr=0.000001"
    found = attack_split(classifier, dataset, tmp_path / "new", attack=weak, limit=4)
    assert found.fooled == 0 and found.not_reached == found.right > 0
    assert found.robust_accuracy == found.accuracy
    for photo in table(tmp_path / "new"):
        closest = photo["status"] == "not_reached"
        assert photo["picture"].endswith(".closest.png") == closest


def test_a_second_time_it_is_the_same_bytes_and_no_work(
    classifier: Classifier, dataset: Dataset, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(whole)

    def never(*_: object, **__: object) -> AttackResult:
        raise AssertionError("a finished block is attacked again")

    monkeypatch.setattr(job, "attack_block", never)
    attack_split(classifier, dataset, whole, attack=QUICK, split="all", limit=LIMIT)
    assert tree(whole) == before


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_stopped_it_goes_on_to_the_same_bytes(
    classifier: Classifier, dataset: Dataset, whole: Path, tmp_path: Path, blocks: int
) -> None:
    def stop(at: SplitProgress) -> None:
        if at.done > blocks * BLOCK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attack_split(
            classifier, dataset, tmp_path, attack=QUICK, split="all", limit=LIMIT, progress=stop
        )
    assert len(list((tmp_path / "shards").iterdir())) == blocks
    assert not (tmp_path / "robustness.json").exists()
    seen: list[SplitProgress] = []
    attack_split(
        classifier, dataset, tmp_path, attack=QUICK, split="all", limit=LIMIT, progress=seen.append
    )
    assert tree(tmp_path) == tree(whole)
    assert [at.done for at in seen[: blocks + 1]] == [BLOCK * k for k in range(blocks + 1)]
    assert seen[blocks].seconds_left is None and seen[-1].seconds_left == 0


def test_killed_between_pictures_and_their_shard_it_goes_on_to_the_same_bytes(
    classifier: Classifier, dataset: Dataset, whole: Path, tmp_path: Path
) -> None:
    """SIGKILL, sent by the process to itself where the second shard would be written."""
    save(classifier, tmp_path / "model")
    code = f"""
import os, signal, sys, torch
torch.set_num_threads(1)
from pathlib import Path
from pasunchat.classifiers.files import load_files
from pasunchat.measures import job_folder, robustness as job
from pasunchat.photos.dataset import open_dataset
write = job_folder.write_json
def dying(path, value):
    if path.name == "{BLOCK:06}.json":
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, value)
job_folder.write_json = dying
job.BLOCK = {BLOCK}
model = load_files(Path(sys.argv[1]))
model.known_as = {classifier.known_as!r}
job.attack_split(
    model, open_dataset(sys.argv[2]), sys.argv[3],
    attack="{QUICK}", split="all", limit={LIMIT},
)
"""
    folder = tmp_path / "killed"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "model", dataset.folder, folder],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [path.name for path in (folder / "shards").iterdir()] == ["000000.json"]
    (folder / "pictures" / ".cat_1.png.part7.png").write_bytes(b"half a pict")
    attack_split(classifier, dataset, folder, attack=QUICK, split="all", limit=LIMIT)
    assert tree(folder) == tree(whole)


def test_a_picture_that_is_gone_is_made_again(
    classifier: Classifier, dataset: Dataset, whole: Path
) -> None:
    before = tree(whole)
    next(iter((whole / "pictures").iterdir())).unlink()
    attack_split(classifier, dataset, whole, attack=QUICK, split="all", limit=LIMIT)
    assert tree(whole) == before


def test_blocks_of_another_size_give_the_same_photos(
    classifier: Classifier,
    dataset: Dataset,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job, "BLOCK", 64)
    attack_split(classifier, dataset, tmp_path, attack=QUICK, split="all", limit=LIMIT)
    assert table(tmp_path) == table(whole)
    assert tree(tmp_path / "pictures") == tree(whole / "pictures")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"seed": 1}, r"another seed \(0, not 1\)"),
        ({"attack": "turning"}, r"another attack \(learned-noise, not turning\)"),
        ({"attack": "learned-noise:steps=13,lr=0.03"}, r"another steps \(12, not 13\)"),
        ({"mask": torch.ones(16, 16, dtype=torch.bool)}, r"another mask \(None, not \w+\)"),
        ({"limit": 5}, "another limit"),
        ({"split": "test"}, "another split"),
        ({"confidence": 0.9}, "another confidence"),
    ],
)
def test_other_settings_in_the_same_folder_are_refused(
    classifier: Classifier,
    dataset: Dataset,
    whole: Path,
    settings: dict[str, object],
    named: str,
) -> None:
    before = tree(whole)
    usual = {"attack": QUICK, "split": "all", "limit": LIMIT}
    with pytest.raises(PasunchatError, match=f"{named}.*--overwrite"):
        attack_split(classifier, dataset, whole, **{**usual, **settings})
    assert tree(whole) == before


def test_another_classifier_in_the_same_folder_is_refused(dataset: Dataset, whole: Path) -> None:
    other = build("linear", classes=("cat", "dog"), size=16, seed=4)
    with pytest.raises(PasunchatError, match="another classifier"):
        attack_split(other, dataset, whole, attack=QUICK, split="all", limit=LIMIT)


def test_overwrite_begins_anew(classifier: Classifier, dataset: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    attack_split(classifier, dataset, folder, attack=QUICK, limit=6)
    found = attack_split(classifier, dataset, folder, attack=QUICK, limit=2, overwrite=True)
    assert found.photos == 2
    assert len(table(folder)) == 2 and len(list((folder / "shards").iterdir())) == 1
    assert len(list((folder / "pictures").glob("*.png"))) == found.right


def test_a_folder_of_something_else_is_left_alone(
    classifier: Classifier, dataset: Dataset, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(PasunchatError, match="holds no attack"):
        attack_split(classifier, dataset, tmp_path, attack=QUICK, overwrite=True)
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"attack": "prayer"}, "unknown attack"),
        ({"attack": QUICK, "norm": LINF}, "linf"),
        ({"limit": 0}, "1 photo or more, got 0"),
        ({"split": "half"}, "unknown split"),
        ({"confidence": 2.0}, "confidence"),
    ],
)
def test_what_cannot_be_done_leaves_nothing(
    classifier: Classifier,
    dataset: Dataset,
    tmp_path: Path,
    settings: dict[str, object],
    named: str,
) -> None:
    with pytest.raises(PasunchatError, match=named):
        attack_split(classifier, dataset, tmp_path / "new", **settings)
    assert not (tmp_path / "new").exists()


def test_without_a_grid_nothing_is_saved_as_a_picture(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    found = attack_split(classifier, dataset, tmp_path, attack=QUICK, levels=None, limit=4)
    assert found.fooled == found.right > 0
    assert not (tmp_path / "pictures").exists()
    sizes = [float(photo["levels"]) for photo in table(tmp_path) if photo["fooled"] == "True"]
    assert any(size != round(size) for size in sizes)


def test_a_requested_confidence_is_passed_on(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    attack_split(classifier, dataset, tmp_path, attack="turning", confidence=0.9, norm=L2, limit=6)
    fooled = [photo for photo in table(tmp_path) if photo["fooled"] == "True"]
    assert fooled
    assert all(float(photo["confidence"]) >= 0.9 for photo in fooled)


def test_a_limit_is_spread_over_the_split(dataset: Dataset) -> None:
    rows = attacked_rows(dataset, "all", 10)
    assert np.bincount(dataset.labels[rows]).tolist() == [5, 5]
    assert len(set(rows.tolist())) == 10
    assert attacked_rows(dataset, "test", None).tolist() == dataset.rows("test").tolist()
    assert attacked_rows(dataset, "test", 10**6).tolist() == dataset.rows("test").tolist()


def test_attacks_are_found_again_in_a_run(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    assert read_attacks(tmp_path) == []
    folder = tmp_path / "attack" / "one"
    found = attack_split(classifier, dataset, folder, attack=QUICK, limit=2)
    assert read_attacks(tmp_path) == [(folder, found)]


def test_global_random_state_is_untouched(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    before = torch.random.get_rng_state()
    attack_split(classifier, dataset, tmp_path, attack=QUICK, limit=2)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_of_several_classes_a_picture_fools_as_the_class_it_is_read_as(
    make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    counts = {"cat": 8, "dog": 8, "fox": 8}
    three = prepare([make_photos(tmp_path / "photos", counts)], tmp_path / "data", size=16)
    made = build("linear", classes=("cat", "dog", "fox"), size=16, seed=1)
    found = attack_split(made, three, tmp_path / "new", attack=QUICK, split="all")
    assert [each.name for each in found.classes] == ["cat", "dog", "fox"]
    fooled = [photo for photo in table(tmp_path / "new") if photo["fooled"] == "True"]
    assert fooled
    for photo in fooled:
        path = tmp_path / "new" / "pictures" / photo["picture"]
        assert verify(path, made).holds
        receipt = read_receipt(path)
        assert receipt is not None and receipt.goal == photo["after"] != photo["real"]


def test_inside_a_radius(classifier: Classifier, dataset: Dataset, tmp_path: Path) -> None:
    nearest = attack_split(classifier, dataset, tmp_path / "near", attack="turning", limit=12)
    assert nearest.fooled == nearest.right > 2
    radius = nearest.enough_for(1 - nearest.accuracy / 2)
    assert radius is not None
    inside = attack_split(
        classifier, dataset, tmp_path / "in", attack="turning", radius=radius, limit=12
    )
    assert 0 < inside.fooled < inside.right
    assert inside.curve[-1].radius == pytest.approx(radius)
    assert inside.robust_accuracy == inside.accuracy_within(radius)
    for photo in table(tmp_path / "in"):
        if photo["fooled"] == "True":
            assert float(photo["l2"]) <= radius * (1 + 1e-5)


def test_distances_are_in_the_norm_requested(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    """Whole levels are exactly as large as the radius of the same name."""
    found = attack_split(classifier, dataset, tmp_path, norm=LINF, limit=6)
    fooled = [photo for photo in table(tmp_path) if photo["fooled"] == "True"]
    assert fooled and found.norm == LINF
    for photo in fooled:
        assert float(photo["distance"]) == float(photo["levels"]) / 255


def test_a_request_and_its_fields_are_the_same(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    request = Request(QUICK, seed=3)
    attack_split(classifier, dataset, tmp_path / "one", request, limit=2)
    attack_split(classifier, dataset, tmp_path / "two", attack=QUICK, seed=3, limit=2)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    with pytest.raises(TypeError, match="not both"):
        attack_split(classifier, dataset, tmp_path / "one", request, limit=2, seed=3)


def test_what_the_mask_forbids_stays_and_it_resumes_to_the_same_bytes(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    mask = torch.zeros(16, 16, dtype=torch.bool)
    mask[:, :7] = True
    request = Request("turning", mask=mask)

    def stop(at: SplitProgress) -> None:
        if at.done > BLOCK:
            raise KeyboardInterrupt

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    found = attack_split(classifier, dataset, whole, request, split="all", limit=LIMIT)
    assert found.fooled > 0
    for photo in table(whole):
        if photo["picture"]:
            picture = read_photo(whole / "pictures" / photo["picture"], 16, "pad")
            changed = (picture != dataset.pixels[int(photo["row"])]).any(2)
            assert changed.any() and not (changed & ~mask.numpy()).any()
    with pytest.raises(KeyboardInterrupt):
        attack_split(classifier, dataset, stopped, request, split="all", limit=LIMIT, progress=stop)
    assert len(list((stopped / "shards").iterdir())) == 1
    attack_split(classifier, dataset, stopped, request, split="all", limit=LIMIT)
    assert tree(stopped) == tree(whole)


def test_a_mask_for_each_photo_is_refused(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    """Blocks would give it to other photos than it is for."""
    masks = torch.ones(BLOCK, 1, 16, 16, dtype=torch.bool)
    with pytest.raises(PasunchatError, match="one mask for all photos"):
        attack_split(classifier, dataset, tmp_path / "new", mask=masks, limit=BLOCK)
    assert not (tmp_path / "new").exists()
