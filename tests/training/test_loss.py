import math

import pytest
import torch
from torch.nn import functional

from pasunchat.training.inputs import Wanted
from pasunchat.training.loss import Loss, training_loss
from pasunchat.training.recipe import Recipe

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, -1.0]])
LABELS = torch.tensor([0, 1, 1])


def test_is_plain_cross_entropy_without_more() -> None:
    found = Loss(None)(LOGITS, Wanted(LABELS))
    assert torch.equal(found, functional.cross_entropy(LOGITS, LABELS))


def test_blended_labels_are_the_blend_of_losses() -> None:
    one_hot = functional.one_hot(LABELS, 2).float()
    half = 0.5 * one_hot + 0.5 * one_hot.flip(1)
    found = Loss(None)(LOGITS, Wanted(half))
    both = Loss(None)(LOGITS, Wanted(LABELS)) + Loss(None)(LOGITS, Wanted(1 - LABELS))
    assert found.item() == pytest.approx(both.item() / 2, rel=1e-6)


def test_a_teacher_who_agrees_with_the_network_leaves_its_entropy() -> None:
    loss = Loss(None, teacher_share=1.0, temperature=2.0)
    found = loss(LOGITS, Wanted(LABELS, teacher=LOGITS)).item()
    answers = (LOGITS / 2).softmax(1)
    entropy = -(answers * answers.log()).sum(1).mean().item()
    assert found == pytest.approx(4 * entropy, rel=1e-6)


def test_the_recipe_without_a_teacher_asks_for_none() -> None:
    loss = training_loss(Recipe(label_smoothing=0.1), None)
    assert loss.teacher_share == 0
    certain = loss(torch.tensor([[100.0, 0.0]]), Wanted(torch.tensor([0]))).item()
    assert certain == pytest.approx(0.05 * 100, rel=1e-5)
    assert math.isfinite(certain)
