"""The mean of a classifier's answers to many versions of a picture, its gradient, and who leads."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.versions import TOGETHER, Answers, answers, asking, led_by, winner


def network(classes: int, seed: int = 0) -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.Conv2d(3, 6, 3), nn.Tanh(), nn.Flatten(), nn.Linear(6 * 16, classes)
        return Classifier(nn.Sequential(*layers)).eval()


def shifted(noise: Tensor):
    return lambda pixels, which: pixels[:, None] + noise[which.start : which.stop]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("count, rows", [(1, 1), (5, 3), (2 * TOGETHER + 7, 2), (3, TOGETHER + 1)])
def test_mean_and_gradient_are_those_of_the_formula_however_it_is_parted(
    classes: int, count: int, rows: int
) -> None:
    asked, generator = network(classes), torch.Generator().manual_seed(1)
    noise = torch.randn(count, 3, 6, 6, generator=generator)
    pixels = torch.rand(rows, 3, 6, 6, generator=generator).requires_grad_()
    slopes = torch.randn(rows, classes, generator=generator)
    found = answers(asking(asked), shifted(noise), count, pixels)
    logits = asked((pixels[:, None] + noise).flatten(0, 1)).view(rows, count, classes)
    plain = logits.softmax(2).mean(1).log()
    assert torch.allclose(found.mean, plain, atol=1e-5)
    assert torch.equal(found.each, logits.argmax(2))
    (ours,) = torch.autograd.grad((found.mean * slopes).sum(), pixels)
    (its,) = torch.autograd.grad((plain * slopes).sum(), pixels)
    assert torch.allclose(ours, its, rtol=1e-4, atol=1e-6) and float(ours.abs().max()) > 0


def test_a_class_that_no_version_believes_in_still_has_a_gradient() -> None:
    """Its probability is below what a float32 holds."""
    sure = network(2)
    with torch.no_grad():
        sure.network[-1].weight.mul_(300)
        sure.network[-1].bias.copy_(torch.tensor([900.0, -900.0]))
    pixels = torch.rand(1, 3, 6, 6).requires_grad_()
    mean = answers(asking(sure), shifted(torch.zeros(4, 3, 6, 6)), 4, pixels).mean
    (gradient,) = torch.autograd.grad(mean[0, 1], pixels)
    assert (
        float(mean.detach()[0, 1]) < -150
        and bool(gradient.isfinite().all())
        and bool(gradient.any())
    )


def test_most_votes_win_and_of_equally_many_the_likelier() -> None:
    mean = torch.tensor([[0.6, 0.4], [0.6, 0.4], [0.3, 0.7]]).log()
    each = torch.tensor([[1, 1, 1, 0], [0, 1, 0, 1], [1, 0, 0, 1]])
    assert winner(Answers(mean, each)).tolist() == [1, 0, 1]


def test_the_leader_is_raised_just_above_the_others_and_nothing_else_changes() -> None:
    mean = torch.randn(50, 4, generator=torch.Generator().manual_seed(0)).log_softmax(1)
    mean.requires_grad_()
    leader = torch.randint(0, 4, (50,), generator=torch.Generator().manual_seed(1))
    led = led_by(mean, leader)
    assert torch.equal(led.argmax(1), leader)
    others = torch.ones(50, 4).scatter(1, leader[:, None], 0).bool()
    assert torch.equal(led[others], mean[others])
    ahead = led.gather(1, leader[:, None]) - led.masked_fill(~others, -99).amax(1, keepdim=True)
    assert 0.0099 < float(ahead.detach().min()) < 0.0101
    clear = (mean.topk(2).values.diff().abs()[:, 0] > 0.02) & (mean.argmax(1) == leader)
    assert bool(clear.any()) and torch.equal(led[clear], mean[clear])
    slopes = torch.randn(50, 4, generator=torch.Generator().manual_seed(2))
    (gradient,) = torch.autograd.grad((led * slopes).sum(), mean)
    assert torch.equal(gradient, slopes)
