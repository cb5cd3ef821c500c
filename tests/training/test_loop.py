"""The loop: it learns, it is the plain loop, it goes on after a kill, and it stops in time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from pasunchat.classifiers.build import build
from pasunchat.classifiers.files import load_files
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.prepare import prepare
from pasunchat.training.inputs import batches
from pasunchat.training.loop import Interrupted, ending, not_finite, train
from pasunchat.training.recipe import STRONG, Recipe
from pasunchat.training.run import Epoch, open_run
from pasunchat.training.state import CHECKPOINT, Counters

RECIPE = Recipe(epochs=3, patience=None, batch_size=8)
EVERYTHING = replace(  # of what a recipe has, on a network with batch norm and dropout
    STRONG,
    network="simple:batch_norm=true,dropout=0.2",
    epochs=3,
    batch_size=16,
    warmup=4,
    augment=replace(STRONG.augment, mixup=0.2),
)
MIXED, ONE = np.array([0, 1, 0]), np.array([1, 1, 1])  # predicted classes
SAME_BYTES = ("weights.safetensors", "history.jsonl", "classifier.json", "run.json", "recipe.json")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in SAME_BYTES}


def test_learns_what_can_be_learnt(dataset: Dataset, tmp_path: Path) -> None:
    run = train(dataset, Recipe(epochs=10, batch_size=8), tmp_path / "run")
    assert run.finished and run.info.good
    assert max(row.validation_accuracy for row in run.history) > 0.9
    assert run.history[-1].training_loss < run.history[0].training_loss
    assert not (run.folder / CHECKPOINT).exists()


def test_keeps_the_weights_of_the_lowest_validation_loss(dataset: Dataset, tmp_path: Path) -> None:
    run = train(dataset, Recipe(epochs=6, patience=None, lr=0.02), tmp_path / "run")
    lowest = min(run.history, key=lambda row: row.validation_loss)
    assert run.info.best_epoch == lowest.epoch
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


@pytest.mark.parametrize(
    ("recipe", "steps"),
    [
        (RECIPE, 1),
        (RECIPE, 9),
        (RECIPE, 12),
        (EVERYTHING, 6),
        (replace(EVERYTHING, steps_per_epoch=9), 11),
        (replace(EVERYTHING, network="tiny", resolutions=(16, 32)), 6),
    ],
    ids=["talk-1", "talk-9", "talk-12", "everything", "several-passes", "resolutions"],
)
def test_asked_to_stop_it_goes_on_byte_for_byte(
    dataset: Dataset, tmp_path: Path, recipe: Recipe, steps: int
) -> None:
    whole = train(dataset, recipe, tmp_path / "whole")
    asked = iter(range(1000))
    with pytest.raises(Interrupted):
        train(dataset, recipe, tmp_path / "run", should_stop=lambda: next(asked) == steps)
    assert not open_run(tmp_path / "run").finished
    train(dataset, recipe, tmp_path / "run")
    assert bytes_of(tmp_path / "run") == bytes_of(whole.folder)


def test_killed_it_goes_on_byte_for_byte(dataset: Dataset, tmp_path: Path) -> None:
    """Stopped as soon as a checkpoint is there; `pasunchat train --resume` does the rest."""
    recipe = ["--network", "simple", "--batch-size", "8", "--epochs", "6", "--no-early-stopping"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}

    def command(*words: object) -> list[str]:
        return [sys.executable, "-m", "pasunchat", "train", *map(str, words)]

    def finish(*words: object) -> None:
        subprocess.run(command(*words), cwd=tmp_path, env=env, check=True, capture_output=True)

    finish(dataset.folder, *recipe, "--name", "whole")
    for how in (signal.SIGKILL, signal.SIGINT):
        killed = tmp_path / "runs" / how.name
        process = subprocess.Popen(
            command(dataset.folder, *recipe, "--name", how.name),
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
            assert "go on with: pasunchat train --resume runs/SIGINT" in said
        assert not open_run(killed).finished
        finish("--resume", killed)
        assert bytes_of(killed) == bytes_of(tmp_path / "runs" / "whole")


def test_a_loss_that_is_no_number_stops_with_the_last_good_weights(
    dataset: Dataset, tmp_path: Path
) -> None:
    run = train(dataset, Recipe(lr=1e30, batch_size=8), tmp_path / "run")
    assert not run.info.good
    assert run.info.ended is not None and "no longer a finite number" in run.info.ended
    weights = load_files(run.folder).network.state_dict()
    assert all(weight.isfinite().all() for weight in weights.values())


def test_dropout_repeats_and_leaves_the_global_state_alone(
    dataset: Dataset, tmp_path: Path
) -> None:
    recipe = replace(EVERYTHING, epochs=1)
    before = torch.random.get_rng_state()
    one, same = (train(dataset, recipe, tmp_path / name) for name in ("a", "b"))
    assert torch.equal(before, torch.random.get_rng_state())
    assert one.history == same.history


def test_the_mean_of_the_weights_is_what_is_measured(dataset: Dataset, tmp_path: Path) -> None:
    recipe = Recipe(epochs=2, patience=None, batch_size=16)
    plain = train(dataset, recipe, tmp_path / "plain")
    mean = train(dataset, replace(recipe, ema=0.9), tmp_path / "mean")
    assert [row.loss for row in plain.history] == [row.loss for row in mean.history]
    assert plain.history[0].validation_loss != mean.history[0].validation_loss


def test_a_mirrored_classifier_cannot_tell_left_from_right(
    dataset: Dataset, tmp_path: Path
) -> None:
    classifier = load_files(train(dataset, replace(EVERYTHING, epochs=1), tmp_path / "run").folder)
    images = dataset.pixels[:5]
    assert classifier.info.mirrored
    found = classifier.logits(images), classifier.logits(images[:, :, ::-1])
    assert torch.allclose(*found, atol=1e-5)


def test_how_sure_a_rise_is_comes_from_the_photos_own_losses(
    dataset: Dataset, tmp_path: Path
) -> None:
    """Two trainings of one and of two epochs: their photos' losses are compared by hand."""
    rows, losses = dataset.rows("validation"), []
    for epochs in (1, 2):
        recipe = Recipe(epochs=epochs, patience=None, lr=1e-4)
        run = train(dataset, recipe, tmp_path / str(epochs))
        assert run.info.best_epoch == epochs
        logits = load_files(run.folder).logits(dataset.pixels, rows)
        labels = torch.from_numpy(dataset.labels[rows])
        losses.append(functional.cross_entropy(logits, labels, reduction="none"))
    assert run.history[0].rise_error is None
    wanted = (losses[1] - losses[0]).std().item() / len(rows) ** 0.5
    assert run.history[1].rise_error == pytest.approx(wanted, rel=1e-4)
    assert not run.history[1].rises_from(run.history[0])


def test_a_batch_norm_learns_whatever_number_is_left_over(
    make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    photos = make_photos(tmp_path / "photos", {"cat": 12, "dog": 12})
    data = prepare([photos], tmp_path / "data", size=16)
    count = len(data.rows("train"))
    network = "simple:batch_norm=true"
    recipe = Recipe(network=network, epochs=1, batch_size=count - 1)
    assert train(data, recipe, tmp_path / "run").finished


def counted(*losses: float, waited: int = 0) -> Counters:
    """The counters after as many epochs as there are losses, the first of them the best."""
    history = [Epoch(k + 1, loss, loss, 0.5, loss, 0.5) for k, loss in enumerate(losses)]
    return Counters(epoch=len(losses), waited=waited, best_epoch=1, history=history)


def test_goes_on_while_it_learns() -> None:
    assert ending(Recipe(), counted(0.7, 0.6), MIXED) is None


def test_patience_ends_it_as_meant() -> None:
    counters = counted(0.5, 0.6, 0.7, waited=2)
    found = ending(Recipe(patience=2), counters, MIXED)
    assert found is not None and found.good
    assert "epoch 1" in found.reason
    assert ending(Recipe(patience=3), counters, MIXED) is None


def test_without_patience_all_epochs_are_done() -> None:
    recipe = Recipe(patience=None, epochs=3)
    assert ending(recipe, counted(0.5, 0.6, waited=1), MIXED) is None
    found = ending(recipe, counted(0.5, 0.6, 0.7, waited=2), MIXED)
    assert found is not None and found.good and "3 epochs" in found.reason


def test_a_loss_that_stands_still_with_one_answer_is_no_training() -> None:
    found = ending(Recipe(patience=None), counted(0.6931, 0.6931), ONE)
    assert found is not None and not found.good
    assert "same answer" in found.reason and "--lr" in found.reason


@pytest.mark.parametrize(("losses", "predicted"), [((0.6931, 0.6931), MIXED), ((0.7, 0.6), ONE)])
def test_either_alone_is_no_reason(losses: tuple[float, float], predicted: np.ndarray) -> None:
    assert ending(Recipe(patience=None), counted(*losses), predicted) is None


def test_a_loss_that_is_no_number_says_what_is_kept() -> None:
    assert "of epoch 1 are kept" in not_finite(counted(0.5)).reason
    assert "it started with" in not_finite(Counters()).reason
