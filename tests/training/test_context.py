"""The loss is its formula, classes are weighted where unequal, and a teacher is imitated."""

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pasunchat.classifiers.files import load_files, save
from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.prepare import prepare
from pasunchat.runtime import Runtime
from pasunchat.training.context import class_weights, teacher_logits, training_loss
from pasunchat.training.inputs import Targets
from pasunchat.training.loop import train
from pasunchat.training.loss import Loss
from pasunchat.training.recipe import Recipe
from pasunchat.training.state import new_classifier

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, -1.0]])
TEACHER = torch.tensor([[0.5, 1.5], [-2.0, 1.0], [0.0, 4.0]])
LABELS = torch.tensor([0, 1, 1])
STUDENT = Recipe(network="linear", epochs=8, patience=None, batch_size=16, lr=0.01)


def cross_entropy(logits: Tensor, probabilities: Tensor) -> Tensor:
    """Its definition: - sum over classes of p log q, meaned over rows."""
    return -(probabilities * logits.log_softmax(1)).sum(1).mean()


def test_is_plain_cross_entropy_without_more() -> None:
    found = Loss()(LOGITS, Targets(LABELS))
    assert torch.equal(found, functional.cross_entropy(LOGITS, LABELS))


def test_blended_labels_are_the_blend_of_losses() -> None:
    one_hot = functional.one_hot(LABELS, 2).float()
    half = 0.5 * one_hot + 0.5 * one_hot.flip(1)
    found = Loss()(LOGITS, Targets(half))
    both = Loss()(LOGITS, Targets(LABELS)) + Loss()(LOGITS, Targets(1 - LABELS))
    assert found.item() == pytest.approx(both.item() / 2, rel=1e-6)


@pytest.mark.parametrize(("share", "temperature"), [(0.0, 4.0), (0.3, 4.0), (1.0, 1.0)])
def test_with_a_teacher_it_is_the_formula_of_distillation(share: float, temperature: float) -> None:
    loss = Loss(teacher_share=share, temperature=temperature)
    found = loss(LOGITS, Targets(LABELS, TEACHER))
    labels = cross_entropy(LOGITS, functional.one_hot(LABELS, 2).float())
    teacher = cross_entropy(LOGITS / temperature, (TEACHER / temperature).softmax(1))
    expected = (1 - share) * labels + share * temperature**2 * teacher
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_its_gradient_is_what_is_missing_to_the_teacher_s_answers() -> None:
    """d/dz of T^2 CE(z / T, p) is T (softmax(z / T) - p): zero only where the answers agree."""
    loss = Loss(teacher_share=1.0, temperature=2.0)
    logits = LOGITS.clone().requires_grad_()
    (found,) = torch.autograd.grad(loss(logits, Targets(LABELS, TEACHER)), logits)
    missing = (LOGITS / 2).softmax(1) - (TEACHER / 2).softmax(1)
    assert torch.allclose(found, 2 * missing / len(LABELS), atol=1e-6)
    (agreed,) = torch.autograd.grad(loss(logits, Targets(LABELS, LOGITS)), logits)
    assert torch.allclose(agreed, torch.zeros(3, 2), atol=1e-6)


def test_the_recipe_without_a_teacher_has_no_share_for_one() -> None:
    loss = training_loss(Recipe(label_smoothing=0.1), None)
    assert loss.teacher_share == 0
    certain = loss(torch.tensor([[100.0, 0.0]]), Targets(torch.tensor([0]))).item()
    assert certain == pytest.approx(0.05 * 100, rel=1e-5)
    assert math.isfinite(certain)


@pytest.fixture(scope="module")
def contrary(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher that has learnt the classes and answers the opposite: its logits are negated."""
    folder = tmp_path_factory.mktemp("contrary")
    classifier = load_files(train(dataset, STUDENT, folder / "learnt").folder)
    with torch.no_grad():
        for parameter in classifier.network.parameters():
            parameter.neg_()
    save(classifier, folder / "contrary")
    return folder / "contrary"


def test_the_first_step_s_loss_is_the_formula_on_the_teacher_s_logits(
    dataset: Dataset, tmp_path: Path, contrary: Path
) -> None:
    """One step on all photos at once: the recorded loss is that of the untrained network."""
    rows = dataset.rows("train")
    recipe = replace(
        STUDENT,
        epochs=1,
        batch_size=len(rows),
        teacher=str(contrary),
        teacher_share=0.25,
        temperature=3.0,
    )
    found = train(dataset, recipe, tmp_path / "run").history[0].loss
    logits = new_classifier(dataset, recipe, Runtime()).logits(dataset.pixels, rows)
    answers = (load_files(contrary).logits(dataset.pixels, rows) / 3).softmax(1)
    labels = functional.cross_entropy(logits, torch.from_numpy(dataset.labels[rows]))
    expected = 0.75 * labels + 0.25 * 9 * cross_entropy(logits / 3, answers)
    assert found == pytest.approx(expected.item(), rel=1e-5)


def test_a_student_of_a_teacher_alone_gives_its_answers_against_the_labels(
    dataset: Dataset, tmp_path: Path, contrary: Path
) -> None:
    recipe = replace(STUDENT, teacher=str(contrary), teacher_share=1.0)
    taught = train(dataset, recipe, tmp_path / "taught")
    alone = train(dataset, STUDENT, tmp_path / "alone")
    assert alone.history[-1].validation_accuracy > 0.9
    assert taught.history[-1].validation_accuracy < 0.1


def test_a_teacher_is_asked_about_the_training_photos_at_its_own_size(
    dataset: Dataset, tmp_path: Path, contrary: Path
) -> None:
    larger = prepare(dataset.facts.sources, tmp_path / "larger", size=24)
    found = teacher_logits(Recipe(teacher=str(contrary)), larger, Runtime())
    assert found is not None and found.shape == (len(larger.rows("train")), 2)
    right = found.argmax(1) == torch.from_numpy(larger.labels[larger.rows("train")])
    assert right.float().mean() < 0.1


def test_a_teacher_of_other_classes_is_refused(
    dataset: Dataset, tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    photos = make_photos(tmp_path / "foxes", {"fox": 8, "owl": 8})
    others = prepare(photos, tmp_path / "others", size=16)
    teacher = train(others, Recipe(epochs=1), tmp_path / "teacher")
    with pytest.raises(PasunchatError, match="fox, owl"):
        train(dataset, Recipe(epochs=1, teacher=str(teacher.folder)), tmp_path / "run")


def test_unequal_classes_are_weighted(tmp_path: Path, make_photos: Callable[..., Path]) -> None:
    photos = make_photos(tmp_path / "photos", {"cat": 60, "dog": 20})
    unequal = prepare([photos], tmp_path / "data", size=16)
    labels = unequal.labels[unequal.rows("train")]
    weights = class_weights(unequal)
    assert weights == pytest.approx(len(labels) / (2 * np.bincount(labels)))
    run = train(unequal, Recipe(epochs=1, batch_size=len(labels)), tmp_path / "run")
    assert run.info.class_weights == weights
    logits = new_classifier(unequal, Recipe(), Runtime()).logits(
        unequal.pixels, unequal.rows("train")
    )
    expected = functional.cross_entropy(logits, torch.from_numpy(labels), torch.tensor(weights))
    assert run.history[0].loss == pytest.approx(expected.item(), rel=1e-5)


def test_equal_classes_are_not(dataset: Dataset) -> None:
    assert class_weights(dataset) is None


def test_without_a_teacher_no_loader_of_models_is_imported() -> None:
    code = (
        "import sys, pasunchat.commands.train, pasunchat.training.loop;"
        "loaders = ('pasunchat.classifiers.load', 'pasunchat.classifiers.external');"
        "print([name for name in sys.modules if name.startswith(loaders)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
