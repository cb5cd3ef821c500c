from dataclasses import replace

import pytest
import torch

from pasunchat.attacks.methods.gradient_steps import PGD, GradientSteps
from pasunchat.attacks.oracle import Oracle, attack_mode
from pasunchat.attacks.problem import SURE, Goal, Problem
from pasunchat.attacks.protocol import Query, Views
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier


@pytest.fixture
def classifier() -> Classifier:
    return build("simple", classes=("cat", "dog", "fox"), size=16)


def started(task: Problem, method: GradientSteps) -> object:
    return method.start(task, torch.arange(len(task.pixels)))


def problem(rows: int) -> Problem:
    draw = torch.rand(rows, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    pixels = draw.contiguous(memory_format=torch.channels_last)
    return Problem(pixels, Goal(torch.arange(rows) % 3), radius=torch.ones(rows))


def test_answers_every_query_and_gives_the_gradient_of_the_first(classifier: Classifier) -> None:
    task, method = problem(3), PGD
    queries = torch.stack([task.pixels, task.pixels.flip(3)], 1)
    state, query = started(task, method), Query(queries)
    wanted = torch.ones(3, dtype=torch.bool)
    answer = Oracle(classifier, method).answer(task, state, query, wanted)
    asked = task.pixels.clone().requires_grad_()
    loss = method.loss(task, state, classifier(asked))
    loss.sum().backward()
    assert answer.logits.shape == (3, 2, 3)
    assert torch.allclose(answer.logits[:, 1], classifier(task.pixels.flip(3)), atol=1e-6)
    assert torch.allclose(answer.gradient, asked.grad, atol=1e-6)
    assert torch.allclose(answer.loss, loss, atol=1e-6)
    assert answer.margin.shape == answer.reached.shape == (3, 2)
    assert torch.equal(answer.reached, answer.margin > SURE * answer.logits.abs().amax(2))


class Tied(torch.nn.Module):
    """Two logits that are the same for every picture."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit = logit

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.new_full((len(pixels), 2), self.logit)


@pytest.mark.parametrize("logit", [1.0, -3.0, 0.0])
def test_of_a_tie_an_attack_is_told_that_something_is_missing(logit: float) -> None:
    photo = torch.full((2, 3, 16, 16), 0.5)
    task, method = Problem(photo, Goal(torch.tensor([0, 1])), radius=torch.ones(2)), PGD
    query = Query(photo[:, None])
    wanted = torch.zeros(2, dtype=torch.bool)
    answer = Oracle(Classifier(Tied(logit)), method).answer(
        task, started(task, method), query, wanted
    )
    assert not answer.reached.any()
    assert (answer.margin < 0).all()
    assert torch.allclose(answer.margin, torch.tensor(-SURE * abs(logit)), atol=1e-12)


def test_no_gradient_is_taken_where_none_is_wanted(classifier: Classifier) -> None:
    task = problem(2)
    query = Query(task.pixels[:, None])
    wanted = torch.zeros(2, dtype=torch.bool)
    method = PGD
    answer = Oracle(classifier, method).answer(task, started(task, method), query, wanted)
    assert answer.gradient is None and answer.loss is None
    assert not answer.logits.requires_grad


def test_an_attack_gets_only_what_it_says_it_needs(classifier: Classifier) -> None:
    class Labels(GradientSteps):
        info = replace(PGD.info, needs="labels")

    task, nothing = problem(2), torch.zeros(2, dtype=torch.bool)
    oracle, state = Oracle(classifier, Labels()), started(task, Labels())
    answer = oracle.answer(task, state, Query(task.pixels[:, None]), nothing)
    assert answer.logits is None and answer.margin is None
    assert answer.reached.shape == (2, 1)
    with pytest.raises(PermissionError, match="labels"):
        oracle.answer(task, state, Query(task.pixels[:, None]), ~nothing)


def test_rows_with_and_without_gradient_are_answered_as_if_apart(classifier: Classifier) -> None:
    task, method = problem(5), PGD
    oracle, state = Oracle(classifier, method), started(task, method)
    wanted = torch.tensor([True, False, True, True, False])
    mixed = oracle.answer(task, state, Query(task.pixels[:, None]), wanted)
    sloped = oracle.answer(task, state, Query(task.pixels[:, None]), torch.ones_like(wanted))
    plain = oracle.answer(task, state, Query(task.pixels[:, None]), torch.zeros_like(wanted))
    assert torch.allclose(mixed.gradient[wanted], sloped.gradient[wanted], atol=1e-6)
    assert not mixed.gradient[~wanted].any()
    assert torch.allclose(mixed.logits[wanted], sloped.logits[wanted], atol=1e-6)
    assert torch.allclose(mixed.logits[~wanted], plain.logits[~wanted], atol=1e-6)


def test_a_loss_of_several_columns_has_several_gradients(classifier: Classifier) -> None:
    class EveryLogit(GradientSteps):
        def loss(self, problem, state, logits):
            return logits

    task, method = problem(2), EveryLogit()
    query = Query(task.pixels[:, None])
    wanted = torch.ones(2, dtype=torch.bool)
    answer = Oracle(classifier, method).answer(task, started(task, method), query, wanted)
    assert answer.gradient.shape == (2, 3, 3, 16, 16)
    asked = task.pixels.clone().requires_grad_()
    classifier(asked)[:, 1].sum().backward()
    assert torch.allclose(answer.gradient[:, 1], asked.grad, atol=1e-6)


def test_the_gradient_is_the_mean_over_views_and_the_pixels_are_judged(
    classifier: Classifier,
) -> None:
    task, factors = problem(2), (1.0, 0.5, 0.25)
    views = Views(3, lambda _problem, _state, pixels, number: pixels * factors[number])
    query, wanted = Query(task.pixels[:, None], views=views), torch.tensor([True, False])
    state = started(task, PGD)
    answer = Oracle(classifier, PGD).answer(task, state, query, wanted)
    asked = task.pixels.clone().requires_grad_()
    losses = [PGD.loss(task, state, classifier(asked * factor)) for factor in factors]
    (expected,) = torch.autograd.grad(torch.stack(losses).mean(0).sum(), asked)
    assert torch.allclose(answer.gradient[0], expected[0], atol=1e-7)
    assert not answer.gradient[1].any()
    assert torch.allclose(answer.view_gradients.mean(1), answer.gradient)
    assert torch.allclose(answer.logits[:, 0], classifier(task.pixels), atol=1e-6)
    assert answer.forwards.tolist() == [4, 1] and answer.backwards.tolist() == [3, 0]


def test_no_gradient_where_the_mask_forbids_a_change(classifier: Classifier) -> None:
    mask = torch.zeros(2, 1, 16, 16, dtype=torch.bool)
    mask[:, :, 4:8, 4:8] = True
    task, method = replace(problem(2), mask=mask), PGD
    query = Query(task.pixels[:, None])
    wanted = torch.ones(2, dtype=torch.bool)
    gradient = (
        Oracle(classifier, method).answer(task, started(task, method), query, wanted).gradient
    )
    assert not gradient[~mask.expand_as(gradient)].any()
    assert gradient[mask.expand_as(gradient)].any()


def test_attack_mode_gives_everything_back_as_it_was(classifier: Classifier) -> None:
    first = next(classifier.parameters())
    first.requires_grad_(False)
    classifier.train()
    with attack_mode(classifier):
        assert not classifier.training
        assert not any(p.requires_grad for p in classifier.parameters())
    assert classifier.training
    assert [p.requires_grad for p in classifier.parameters()][:2] == [False, True]
