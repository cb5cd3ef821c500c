"""Defended trainings: they begin from a run, withstand more, go on after a kill, and say when they
fail."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pasunchat.classifiers.build import build
from pasunchat.classifiers.files import load_files, save
from pasunchat.errors import PasunchatError
from pasunchat.measures.attack_model import attack_model
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.prepare import prepare
from pasunchat.training.defences import defending
from pasunchat.training.failures import OVERFITTED, sign_of_failure
from pasunchat.training.loop import Interrupted, is_best, train
from pasunchat.training.recipe import DEFENDED, Augment, Recipe
from pasunchat.training.run import Epoch, open_run
from pasunchat.training.state import Counters

SAME_BYTES = ("weights.safetensors", "history.jsonl", "classifier.json", "run.json", "recipe.json")
SOUND_ROW = Epoch(1, 0.5, 0.5, 0.8, 0.5, 0.8, None, 0.5, 0.5, (0.4, 0.6))
FALLING = (0.6, 0.5, 0.5, 0.4)  # of epoch after epoch
HARD = replace(DEFENDED, epochs=3, batch_size=16, copies=2, mirrored=False)
LEVELS = 8  # of 255


def defended(start: Path, defend: str, recipe: Recipe = HARD) -> Recipe:
    return replace(recipe, start=str(start), defend=defend)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in SAME_BYTES}


def withstands(folder: Path, dataset: Dataset, levels: int) -> float:
    """Robust accuracy by attacks that training knows nothing of."""
    found = attack_model(
        load_files(folder), dataset, f"{levels}/255", norm="linf", levels=None,
        attack="pgd:steps=20",
    )  # fmt: skip
    return found.within[0].accuracy


@pytest.fixture(scope="module")
def fragile(two_signs: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A linear network that reads the weak sign."""
    recipe = Recipe(network="linear", epochs=15, patience=None, lr=3e-3)
    return train(two_signs, recipe, tmp_path_factory.mktemp("fragile") / "run").folder


@pytest.mark.parametrize(
    "method", ["n-fgsm", "fgsm-rs", "pgd", "trades:beta=20", "free", "mtl-ibp"]
)
def test_it_withstands_what_fools_the_run_it_began_from(
    fragile: Path, two_signs: Dataset, tmp_path: Path, method: str
) -> None:
    recipe = replace(HARD, network="linear", epochs=8, lr=1e-2, augment=Augment(), copies=0)
    asked = defended(fragile, f"linf:{LEVELS}/255:{method}", recipe)
    run = train(two_signs, asked, tmp_path / "run")
    assert run.info.good
    assert withstands(fragile, two_signs, LEVELS) < 0.05
    assert withstands(run.folder, two_signs, LEVELS) > 0.25


@pytest.mark.parametrize("network", ["simple:batch_norm=true", "tiny", "residual:width=8,depth=1"])
@pytest.mark.parametrize(
    "defend", ["linf:2/255", "l2:0.3:trades", "noise:0.1", "linf:1/255:mtl-ibp"]
)
def test_networks_with_batch_norms_are_defended_too(
    dataset: Dataset, tmp_path: Path, network: str, defend: str
) -> None:
    recipe = Recipe(network=network, epochs=1, batch_size=16)
    start = train(dataset, recipe, tmp_path / "start").folder
    run = train(dataset, defended(start, defend, replace(HARD, network=network)), tmp_path / "run")
    assert run.finished and len(run.history) == HARD.epochs
    assert all(0 <= (row.robust_accuracy or 0.0) <= 1 for row in run.history)
    assert all(torch.isfinite(value).all() for value in load_files(run.folder).parameters())


@pytest.mark.parametrize("defend", ["linf:2/255", "l2:0.3:free", "noise:0.1", "linf:2/255:mtl-ibp"])
@pytest.mark.parametrize("steps", [3, 9])
def test_asked_to_stop_it_goes_on_byte_for_byte(
    plain: Path, dataset: Dataset, tmp_path: Path, defend: str, steps: int
) -> None:
    recipe = defended(plain, defend)
    whole = train(dataset, recipe, tmp_path / "whole")
    asked = iter(range(1000))
    with pytest.raises(Interrupted):
        train(dataset, recipe, tmp_path / "run", should_stop=lambda: next(asked) == steps)
    train(dataset, recipe, tmp_path / "run")
    assert bytes_of(tmp_path / "run") == bytes_of(whole.folder)


def test_kept_are_the_weights_of_the_best_robust_accuracy(
    plain: Path, dataset: Dataset, tmp_path: Path
) -> None:
    run = train(dataset, defended(plain, f"linf:{LEVELS}/255"), tmp_path / "run")
    best = next(row for row in run.history if row.epoch == run.info.best_epoch)
    assert not any(row.is_better_than(best) for row in run.history)
    assert all(row.attacked_answers is not None for row in run.history)


@pytest.mark.parametrize(("method", "kept"), [("n-fgsm", 1), ("mtl-ibp", 3)])
def test_trained_for_bounds_no_epoch_of_a_smaller_radius_is_kept(method: str, kept: int) -> None:
    """Robust accuracies of four epochs, of which the last two have the full radius."""
    found = [replace(SOUND_ROW, epoch=k + 1, robust_accuracy=r) for k, r in enumerate(FALLING)]
    defence = defending(f"linf:2/255:{method}")
    best = 1
    for row in found[1:]:
        if is_best(row, defence, 4, found[: row.epoch - 1]):
            best = row.epoch
    assert best == kept


def test_an_epoch_of_one_answer_replaces_none() -> None:
    one = replace(SOUND_ROW, epoch=2, attacked_answers=(0.0, 1.0))
    assert not is_best(one, defending("linf:2/255:mtl-ibp"), 4, [SOUND_ROW])


def test_it_begins_from_the_weights_of_the_start(
    plain: Path, dataset: Dataset, tmp_path: Path
) -> None:
    still = Recipe(epochs=1, lr=1e-12, start=str(plain))
    run = train(dataset, still, tmp_path / "run")
    begun, start = load_files(run.folder), load_files(plain)
    for name, value in begun.state_dict().items():
        assert torch.allclose(value, start.state_dict()[name], atol=1e-6), name
    assert run.info.start == start.digest()


def test_a_start_that_has_changed_meanwhile_is_told(
    plain: Path, dataset: Dataset, tmp_path: Path
) -> None:
    start = tmp_path / "start"
    save(load_files(plain), start)
    recipe = defended(start, "linf:2/255")
    with pytest.raises(Interrupted):
        train(dataset, recipe, tmp_path / "run", should_stop=lambda: True)
    save(build("simple", classes=dataset.classes, size=16, seed=5), start)
    with pytest.raises(PasunchatError, match="had other weights"):
        train(dataset, recipe, tmp_path / "run")


@pytest.mark.parametrize(
    ("network", "size", "classes", "said"),
    [
        ("dense:units=4", 16, ("cat", "dog"), "whose weights do not fit simple"),
        ("simple", 32, ("cat", "dog"), "for pictures of 32 pixels"),
        ("simple", 16, ("bird", "fish"), "tells apart bird, fish"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(
    dataset: Dataset, tmp_path: Path, network: str, size: int, classes: tuple[str, ...], said: str
) -> None:
    save(build(network, classes=classes, size=size), tmp_path / "start")
    with pytest.raises(PasunchatError, match=said):
        train(dataset, defended(tmp_path / "start", "linf:1/255"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (replace(DEFENDED, defend="linf:1/255"), "begin from that run with --start"),
        (
            replace(DEFENDED, network="efficientnet-lite0", start="x", defend="linf:1/255"),
            "smoothed:MODEL,sigma=0.25 or masked:MODEL,area=0.02.*--unfreeze all",
        ),
        (
            replace(DEFENDED, start="x", defend="linf:1/255", label_smoothing=0.1),
            "--set label_smoothing=0",
        ),
        (
            replace(
                DEFENDED, start="x", defend="l2:1", augment=replace(DEFENDED.augment, mixup=0.2)
            ),
            "--set augment.mixup=0",
        ),
    ],
    ids=["untrained", "frozen-base", "label-smoothing", "mixup"],
)
def test_what_comes_to_nothing_is_refused(
    dataset: Dataset, tmp_path: Path, recipe: Recipe, said: str
) -> None:
    with pytest.raises(PasunchatError, match=said) as refused:
        train(dataset, recipe, tmp_path / "run")
    assert "\n" not in str(refused.value) and not (tmp_path / "run").exists()


def test_a_network_without_bounds_is_refused_before_anything_is_written(
    dataset: Dataset, tmp_path: Path
) -> None:
    network = "residual:width=8,depth=1,squeeze=4"
    start = train(dataset, Recipe(network=network, epochs=1), tmp_path / "run").folder
    before = bytes_of(start)
    recipe = defended(start, "linf:1/255:mtl-ibp", replace(HARD, network=network))
    with pytest.raises(PasunchatError, match="no intervals are known of"):
        train(dataset, recipe, start, overwrite=True)
    assert bytes_of(start) == before


def test_a_radius_that_is_far_too_large_is_told(
    fragile: Path, two_signs: Dataset, tmp_path: Path
) -> None:
    recipe = replace(HARD, network="linear", epochs=8, lr=3e-2, augment=Augment(), copies=0)
    run = train(two_signs, defended(fragile, "linf:150/255:pgd", recipe), tmp_path / "run")
    assert not run.info.good and run.info.ended is not None
    assert "every photo gets the same answer" in run.info.ended
    assert "try --defend linf:75/255, or --epochs 16" in run.info.ended


def test_unequal_classes_count_alike(make_photos: Callable[..., Path], tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", {"cat": 120, "dog": 40})
    data = prepare([photos], tmp_path / "data", size=16)
    start = train(data, Recipe(epochs=8, patience=None, batch_size=8), tmp_path / "start").folder
    recipe = defended(start, "linf:20/255", replace(HARD, epochs=5, lr=3e-3))
    run = train(data, recipe, tmp_path / "run")
    assert run.info.class_weights is not None and run.info.good
    rows = data.rows("all")
    answers = load_files(run.folder).logits(data.pixels, rows).argmax(1).numpy()
    recalls = [(answers == label)[data.labels[rows] == label].mean() for label in (0, 1)]
    assert min(recalls) > 0.7


def epochs(*rows: tuple[float, float, tuple[float, float]]) -> Counters:
    """The counters after epochs of (robust accuracy, by one step, shares of the answers)."""
    history = [
        Epoch(k + 1, 0.5, 0.5, 0.8, 0.5, 0.8, None, ten, one, answers)
        for k, (ten, one, answers) in enumerate(rows)
    ]
    return Counters(epoch=len(history), best_epoch=1, history=history)


SOUND, SAME = (0.5, 0.52, (0.4, 0.6)), (0.5, 0.5, (0.0, 1.0))
OVER = (0.1, 0.11 + OVERFITTED, (0.4, 0.6))
SIX = replace(DEFENDED, epochs=6, defend="linf:2/255")


def test_a_sound_training_shows_no_sign() -> None:
    assert sign_of_failure(SIX, epochs(SOUND, SOUND)) is None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (SAME, "every photo gets the same answer.*--defend linf:1/255, or --epochs 12"),
        (OVER, "withstand one step.*withstand four.*overfitting.*--defend linf:2/255:pgd:steps=2"),
    ],
)
def test_a_sign_counts_in_two_epochs_in_a_row_or_in_the_last(
    row: tuple[float, float, tuple[float, float]], said: str
) -> None:
    assert sign_of_failure(SIX, epochs(row)) is None
    assert sign_of_failure(SIX, epochs(SOUND, row, SOUND, row)) is None
    found = sign_of_failure(SIX, epochs(*[SOUND] * 3, row, row))
    at_the_end = sign_of_failure(SIX, epochs(*[SOUND] * 5, row))
    for sentence in (found, at_the_end):
        assert sentence is not None and "the weights of epoch 1 are kept" in sentence
        assert re.search(said, sentence)


def test_where_two_steps_were_too_few_it_asks_for_more() -> None:
    recipe = replace(SIX, defend="linf:2/255:pgd")
    found = sign_of_failure(recipe, epochs(*[SOUND] * 4, OVER, OVER))
    assert found is not None and "retry with --defend linf:2/255:pgd:steps=4" in found


def test_before_the_radius_is_full_nothing_has_overfitted() -> None:
    assert sign_of_failure(SIX, epochs(OVER, OVER)) is None


def test_ended_by_patience_it_speaks_of_robust_accuracy(
    plain: Path, dataset: Dataset, tmp_path: Path
) -> None:
    recipe = defended(plain, "linf:2/255", replace(HARD, lr=1e-9, patience=1))
    run = train(dataset, recipe, tmp_path / "run")
    assert run.info.ended is not None
    assert "robust accuracy on validation photos was last higher in epoch 1" in run.info.ended
    assert open_run(run.folder).history == run.history
