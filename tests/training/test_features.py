"""A frozen base is run once; its head learns from what is kept; the whole network is saved."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pasunchat.classifiers.files import load_files, save_head
from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.prepare import prepare
from pasunchat.runtime import Runtime
from pasunchat.training import features as features_
from pasunchat.training.context import refuse_unfit
from pasunchat.training.features import features
from pasunchat.training.loop import train
from pasunchat.training.recipe import RECIPES, Augment, Recipe
from pasunchat.training.state import begin_state, new_classifier, set_lr

RECIPE = replace(RECIPES["head"], epochs=3, patience=None, batch_size=16)
MIRRORED = replace(RECIPE, mirrored=True, augment=Augment(flip=0.5))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, make_photos) -> Dataset:
    photos = make_photos(tmp_path_factory.mktemp("photos"), {"cat": 40, "dog": 40}, size=32)
    return prepare(photos, tmp_path_factory.mktemp("data") / "data", size=32)


@pytest.mark.parametrize("recipe", [RECIPE, MIRRORED], ids=["plain", "mirrored"])
def test_the_head_learns_and_the_whole_network_is_saved(
    small: Dataset, tmp_path: Path, recipe: Recipe
) -> None:
    run = train(small, recipe, tmp_path / "run")
    assert run.history[-1].training_loss < run.history[0].training_loss
    classifier = load_files(run.folder)
    rows = small.rows("validation")
    loss = torch.nn.functional.cross_entropy(
        classifier.logits(small.pixels, rows), torch.from_numpy(small.labels[rows])
    )
    kept = run.history[(run.info.best_epoch or 1) - 1]
    assert loss.item() == pytest.approx(kept.validation_loss, rel=1e-3)


def test_features_are_the_base_s_and_are_kept(
    small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = new_classifier(small, RECIPE, Runtime()).eval()
    found = features(classifier, small, Runtime())
    pixels = torch.from_numpy(np.array(small.pixels[:4])).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        expected = classifier.network.base(classifier.normalised(pixels))
    assert np.allclose(found[:4], expected.numpy(), atol=1e-3)

    def refuse(*_: object) -> None:
        raise AssertionError("the base was run again")

    monkeypatch.setattr(features_, "_write_features", refuse)
    assert np.array_equal(features(classifier, small, Runtime()), found)


def test_mirror_images_have_features_of_their_own(small: Dataset) -> None:
    classifier = new_classifier(small, MIRRORED, Runtime()).eval()
    found = features(classifier, small, Runtime(), mirrored=True)
    pixels = torch.from_numpy(np.array(small.pixels[:4])).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        expected = classifier.network.base(classifier.normalised(pixels.flip(3)))
    assert np.allclose(found[:4], expected.numpy(), atol=1e-3)


@pytest.mark.parametrize(
    ("setting", "change"),
    [
        ("teacher", {"teacher": "simple"}),
        ("resolutions", {"resolutions": (16, 32)}),
        ("augment", {"augment": Augment(flip=0.5, erase=0.1)}),
    ],
)
def test_what_would_have_no_effect_is_refused(
    small: Dataset, tmp_path: Path, setting: str, change: dict[str, object]
) -> None:
    recipe = replace(RECIPE, **change)
    with pytest.raises(PasunchatError, match=f"^{setting}: .*unfreeze"):
        train(small, recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    for effective in (replace(recipe, unfreeze=1), replace(recipe, network="tiny")):
        refuse_unfit(small, effective)


def test_killed_it_goes_on_after_the_last_batch(
    small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = new_classifier(small, RECIPE, Runtime()).eval()

    def stop(done: int, total: int) -> None:
        if done >= 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features(classifier, small, Runtime(), stop)
    seen: list[int] = []
    found = features(classifier, small, Runtime(), lambda done, _: seen.append(done))
    assert seen[0] >= 32
    assert len(found) == len(small.labels) and np.isfinite(found).all()


def test_the_base_moves_only_where_it_is_unfrozen(small: Dataset, tmp_path: Path) -> None:
    start = new_classifier(small, RECIPE, Runtime()).network.base.state_dict()
    frozen = load_files(train(small, RECIPE, tmp_path / "frozen").folder).network.base.state_dict()
    recipe = replace(RECIPE, unfreeze=1, epochs=1)
    moved = load_files(train(small, recipe, tmp_path / "moved").folder).network.base.state_dict()
    assert all(torch.equal(frozen[name], value) for name, value in start.items())
    different = {name for name, value in start.items() if not torch.equal(moved[name], value)}
    assert different and all(name.startswith("top") for name in different)


def test_an_unfrozen_base_has_its_share_of_the_learning_rate(
    small: Dataset, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, unfreeze="all", base_lr=0.25)
    classifier = new_classifier(small, recipe, Runtime())
    state = begin_state(classifier, classifier, recipe, tmp_path)
    set_lr(state, 0.8)
    rates = {id(p): group["lr"] for group in state.optimizer.param_groups for p in group["params"]}
    assert {rates[id(p)] for p in classifier.network.base.parameters()} == {0.2}
    assert {rates[id(p)] for p in classifier.network.head.parameters()} == {0.8}


def test_a_head_alone_finds_its_base_again(small: Dataset, tmp_path: Path) -> None:
    classifier = load_files(train(small, RECIPE, tmp_path / "run").folder)
    save_head(classifier, tmp_path / "head")
    assert (tmp_path / "head" / "weights.safetensors").stat().st_size < 100_000
    assert load_files(tmp_path / "head").digest() == classifier.digest()
