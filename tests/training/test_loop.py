"""The loop: it learns, it is the plain loop, it goes on after a kill, and it stops in time."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from pasunchat.classifiers.build import build
from pasunchat.classifiers.files import load_files
from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.prepare import prepare
from pasunchat.training.batches import batches
from pasunchat.training.loop import Interrupted, train
from pasunchat.training.recipe import Recipe
from pasunchat.training.run import CHECKPOINT, open_run

RECIPE = Recipe(epochs=3, patience=None, batch_size=8)
SAME_BYTES = ("weights.safetensors", "history.jsonl", "classifier.json", "run.json", "recipe.json")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in SAME_BYTES}


def test_learns_what_can_be_learnt(dataset: Dataset, tmp_path: Path) -> None:
    run = train(dataset, Recipe(epochs=10, batch_size=8), tmp_path / "run")
    assert run.finished and run.facts.good
    assert max(row.validation_accuracy for row in run.history) > 0.9
    assert run.history[-1].training_loss < run.history[0].training_loss
    assert not (run.folder / CHECKPOINT).exists()


def test_keeps_the_weights_of_the_lowest_validation_loss(dataset: Dataset, tmp_path: Path) -> None:
    run = train(dataset, Recipe(epochs=6, patience=None, lr=0.02), tmp_path / "run")
    lowest = min(run.history, key=lambda row: row.validation_loss)
    assert run.facts.best_epoch == lowest.epoch
    rows = dataset.rows("validation")
    logits = load_files(run.folder).logits(dataset.pixels, rows)
    loss = functional.cross_entropy(logits, torch.from_numpy(dataset.labels[rows])).item()
    assert loss == pytest.approx(lowest.validation_loss, rel=1e-6)


def test_is_the_plain_loop(dataset: Dataset, tmp_path: Path) -> None:
    recipe = Recipe(epochs=1, patience=None, batch_size=8)
    run = train(dataset, recipe, tmp_path / "run")
    plain = build("simple", classes=dataset.classes, size=16)
    plain = plain.to(memory_format=torch.contiguous_format)
    adam = torch.optim.Adam(plain.parameters(), lr=1e-3, eps=1e-7)
    total = 0.0
    for rows in batches(dataset, recipe, 0):
        pixels = torch.tensor(np.array(dataset.pixels[rows])).permute(0, 3, 1, 2) / 255
        loss = functional.cross_entropy(plain(pixels), torch.tensor(dataset.labels[rows]))
        adam.zero_grad()
        loss.backward()
        adam.step()
        total += loss.item() * len(rows)
    assert run.history[0].loss == pytest.approx(total / len(dataset.rows("train")), rel=1e-5)
    trained = load_files(run.folder).network.state_dict()
    for name, weight in plain.network.state_dict().items():
        assert torch.allclose(trained[name], weight, atol=1e-5), name


def test_same_seed_same_bytes(dataset: Dataset, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder, seed in zip(folders, (0, 0, 1), strict=True):
        train(dataset, Recipe(epochs=2, patience=None, seed=seed), folder)
    one, same, other = map(bytes_of, folders)
    assert one == same
    assert one["weights.safetensors"] != other["weights.safetensors"]


@pytest.mark.parametrize("steps", [1, 9, 12])
def test_asked_to_stop_it_goes_on_byte_for_byte(
    dataset: Dataset, tmp_path: Path, steps: int
) -> None:
    whole = train(dataset, RECIPE, tmp_path / "whole")
    asked = iter(range(1000))
    with pytest.raises(Interrupted):
        train(dataset, RECIPE, tmp_path / "run", should_stop=lambda: next(asked) == steps)
    assert not open_run(tmp_path / "run").finished
    train(dataset, RECIPE, tmp_path / "run")
    assert bytes_of(tmp_path / "run") == bytes_of(whole.folder)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_it_goes_on_byte_for_byte(
    dataset: Dataset, tmp_path: Path, how: signal.Signals
) -> None:
    """Stopped as soon as a checkpoint is there; `pasunchat train --resume` does the rest."""
    recipe = ["--network", "simple", "--batch-size", "8", "--epochs", "12", "--no-early-stopping"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}

    def command(*words: object) -> list[str]:
        return [sys.executable, "-m", "pasunchat", "train", *map(str, words)]

    def finish(*words: object) -> None:
        subprocess.run(command(*words), cwd=tmp_path, env=env, check=True, capture_output=True)

    finish(dataset.folder, *recipe, "--name", "whole")
    killed = tmp_path / "runs" / "killed"
    process = subprocess.Popen(
        command(dataset.folder, *recipe, "--name", "killed"),
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (killed / CHECKPOINT).exists():
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(how)
    said = process.communicate()[1]
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "go on with: pasunchat train --resume runs/killed" in said
    assert not open_run(killed).finished
    finish("--resume", "runs/killed")
    assert bytes_of(killed) == bytes_of(tmp_path / "runs" / "whole")


def test_a_loss_that_is_no_number_stops_with_the_last_good_weights(
    dataset: Dataset, tmp_path: Path
) -> None:
    run = train(dataset, Recipe(lr=1e30, batch_size=8), tmp_path / "run")
    assert not run.facts.good
    assert run.facts.ended is not None and "no longer a finite number" in run.facts.ended
    weights = load_files(run.folder).network.state_dict()
    assert all(weight.isfinite().all() for weight in weights.values())


def test_unequal_classes_are_weighted(tmp_path: Path, make_photos: Callable[..., Path]) -> None:
    photos = make_photos(tmp_path / "photos", {"cat": 60, "dog": 20})
    unequal = prepare([photos], tmp_path / "data", size=16)
    run = train(unequal, Recipe(epochs=1), tmp_path / "run")
    labels = unequal.labels[unequal.rows("train")]
    counts = np.bincount(labels)
    assert run.facts.class_weights == pytest.approx(len(labels) / (2 * counts))


def test_equal_classes_are_not(dataset: Dataset, tmp_path: Path) -> None:
    run = train(dataset, Recipe(epochs=1), tmp_path / "run")
    assert run.facts.class_weights is None


def test_another_training_in_the_same_folder_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    train(dataset, Recipe(epochs=1), tmp_path / "run")
    with pytest.raises(PasunchatError, match="another recipe"):
        train(dataset, Recipe(epochs=2), tmp_path / "run")


def test_times_stand_apart(dataset: Dataset, tmp_path: Path) -> None:
    run = train(dataset, Recipe(epochs=2, patience=None), tmp_path / "run")
    rows = [json.loads(line) for line in (run.folder / "timing.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert all(row["seconds"] > 0 for row in rows)
    assert not any(b"second" in data for data in bytes_of(run.folder).values())
