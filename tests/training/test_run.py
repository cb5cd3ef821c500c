"""A run's folder: where it lies, when it is begun, gone on with or replaced, what stands in it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.training.loop import train
from pasunchat.training.recipe import RECIPES, Augment, Recipe
from pasunchat.training.run import new_run_folder, open_run

ONE_EPOCH = Recipe(network="linear", epochs=1)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_new_run_has_its_network_s_name_and_a_number_if_taken(tmp_path: Path) -> None:
    assert new_run_folder("simple", runs=tmp_path) == tmp_path / "simple"
    for name in ("simple", "simple-2"):
        (tmp_path / name).mkdir()
    assert new_run_folder("simple", runs=tmp_path) == tmp_path / "simple-3"
    assert new_run_folder("simple", "mine", runs=tmp_path) == tmp_path / "mine"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PasunchatError, match="--name: expected a plain name"):
        new_run_folder("simple", name, runs=tmp_path)


def test_what_is_no_run_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(PasunchatError, match="--overwrite"):
        new_run_folder("simple", "photos", runs=tmp_path)
    with pytest.raises(PasunchatError, match="is no run"):
        new_run_folder("simple", "photos", runs=tmp_path, overwrite=True)


def test_another_training_in_the_same_folder_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    train(dataset, ONE_EPOCH, tmp_path / "run")
    with pytest.raises(PasunchatError, match="another recipe"):
        train(dataset, replace(ONE_EPOCH, epochs=2), tmp_path / "run")


def test_overwriting_begins_a_new_run_without_the_old_one_s_files(
    dataset: Dataset, tmp_path: Path
) -> None:
    train(dataset, ONE_EPOCH, tmp_path / "run")
    (tmp_path / "run" / "old.txt").write_text("of the old run")
    run = train(dataset, replace(ONE_EPOCH, seed=1), tmp_path / "run", overwrite=True)
    assert run.recipe.seed == 1 and run.finished
    assert not (tmp_path / "run" / "old.txt").exists()


def test_a_refused_recipe_leaves_the_old_run_as_it_was(dataset: Dataset, tmp_path: Path) -> None:
    folder = train(dataset, ONE_EPOCH, tmp_path / "run").folder
    before = contents(folder)
    refused = replace(RECIPES["head"], augment=Augment(erase=0.5))
    with pytest.raises(PasunchatError, match=r"^augment: "):
        train(dataset, refused, folder, overwrite=True)
    assert contents(folder) == before


def test_a_run_says_what_it_was_made_from(dataset: Dataset, tmp_path: Path) -> None:
    run = open_run(train(dataset, ONE_EPOCH, tmp_path / "run").folder)
    assert run.info.data.path == str(dataset.folder) and run.info.data.digest == dataset.digest
    assert run.info.data.counts == dataset.counts.photos
    assert {"python", "pasunchat", "torch"} <= run.info.versions.keys()
    assert run.info.best_epoch == 1 and run.info.ended == "all 1 epochs are done"


def test_times_stand_apart(dataset: Dataset, tmp_path: Path) -> None:
    run = train(dataset, replace(ONE_EPOCH, epochs=2, patience=None), tmp_path / "run")
    rows = [json.loads(line) for line in (run.folder / "timing.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert all(row["seconds"] > 0 for row in rows)
    others = [data for name, data in contents(run.folder).items() if name != "timing.jsonl"]
    assert not any(b"second" in data for data in others)
