"""Networks that are hard on purpose: what the checks say of each."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.problem import Goal
from pasunchat.attacks.sanity_checks import Check, checks
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatWarning

SIZE = 8
LEFT = Goal(torch.zeros(4).long(), targeted=False)


class Plain(nn.Module):
    """Two logits, a little bent, by weights that are alike in neighbouring pixels."""

    def __init__(self) -> None:
        super().__init__()
        cells = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
        grown = nn.functional.interpolate(cells, (SIZE, SIZE))
        self.weight = nn.Parameter(grown.flatten() / 8)

    def forward(self, pixels: Tensor) -> Tensor:
        lead = 3 - ((pixels.contiguous().flatten(1) - 0.5) @ self.weight).tanh()
        return torch.stack([lead, -lead], 1)


PLAIN = Plain()


class Sure(nn.Module):
    """Saturated: logits a million times as large."""

    def forward(self, pixels: Tensor) -> Tensor:
        return PLAIN(pixels) * 1e6  # type: ignore[no-any-return]


class Random(nn.Module):
    """Other logits each time; the global random state stays."""

    def __init__(self) -> None:
        super().__init__()
        self.draws = torch.Generator().manual_seed(0)

    def forward(self, pixels: Tensor) -> Tensor:
        return PLAIN(pixels) + torch.randn(len(pixels), 2, generator=self.draws) / 10  # type: ignore[no-any-return]


class Probabilities(nn.Module):
    """The probability of one class, and what is left for the other."""

    def __init__(self, steepness: float) -> None:
        super().__init__()
        self.steepness = steepness

    def forward(self, pixels: Tensor) -> Tensor:
        logits = PLAIN(pixels)
        second = torch.sigmoid(self.steepness * (logits[:, 1:] - logits[:, :1]))
        return torch.cat([1 - second, second], 1)


class Quantised(nn.Module):
    """The pixels are rounded inside."""

    def forward(self, pixels: Tensor) -> Tensor:
        return PLAIN((pixels * 64).round() / 64)  # type: ignore[no-any-return]


class Backward(nn.Module):
    """Follows a gradient of its own before it answers."""

    def forward(self, pixels: Tensor) -> Tensor:
        with torch.enable_grad():
            asked = pixels.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(PLAIN(asked)[:, 0].sum(), asked)
        return PLAIN(pixels + 0.001 * gradient)  # type: ignore[no-any-return]


class Masked(nn.Module):
    """A gradient that points the wrong way, as of a defence that obfuscates."""

    def forward(self, pixels: Tensor) -> Tensor:
        wrong = 2 * pixels.detach() - pixels
        return PLAIN(wrong)  # type: ignore[no-any-return]


class Winners(nn.Module):
    """k winners take all (Xiao et al. 2020, arXiv:1905.10510): few units stay, and which ones
    changes everywhere."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(2)
        self.first = nn.Parameter(torch.randn(3 * SIZE * SIZE, 400, generator=generator))
        self.second = nn.Parameter(torch.randn(400, 2, generator=generator))

    def forward(self, pixels: Tensor) -> Tensor:
        seen = (pixels.contiguous().flatten(1) - 0.5) @ self.first
        least = seen.topk(20, 1).values[:, -1:]
        logits: Tensor = (seen * (seen >= least)) @ self.second
        return logits + torch.tensor([300.0, 0])


def photos() -> Tensor:
    drawn = torch.rand(4, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    return drawn.mul(255).round().div(255)


def said(network: nn.Module, **settings: float) -> tuple[Check, ...]:
    return checks(Classifier(network).eval(), photos(), LEFT, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "network",
    [Plain(), Sure(), nn.Sequential(Plain(), nn.Softmax(1)), nn.Sequential(Sure(), nn.Softmax(1))],
    ids=["plain", "saturated", "softmax", "saturated softmax"],
)
def test_nothing_is_said_of_a_network_as_it_should_be(network: nn.Module) -> None:
    assert said(network) == ()


@pytest.mark.parametrize(
    ("network", "name"),
    [
        (Random(), "random-output"),
        (Quantised(), "zero-gradient"),
        (Backward(), "gradients-inside"),
        (Masked(), "better-without-gradients"),
        (Winners(), "better-without-gradients"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__.lower(),
)
def test_what_is_wrong_is_named(network: nn.Module, name: str) -> None:
    found = said(network, queries=300)
    assert name in [check.name for check in found]
    for check in found:
        assert "\n" not in check.sentence and check.heading[0].isupper()


def test_probabilities_that_are_rounded_to_0_or_1_are_named() -> None:
    with pytest.warns(PasunchatWarning, match="gives probabilities"):
        assert "probabilities" in [check.name for check in said(Probabilities(20.0))]
    with pytest.warns(PasunchatWarning, match="gives probabilities"):
        assert said(Probabilities(1.0)) == ()


def test_a_network_in_training_mode_is_named_and_left_so() -> None:
    classifier = Classifier(nn.Sequential(nn.Dropout(0.5), Plain()))
    before = [weight.requires_grad for weight in classifier.parameters()]
    assert [check.name for check in checks(classifier, photos(), LEFT)] == ["training-mode"]
    assert classifier.training
    assert [weight.requires_grad for weight in classifier.parameters()] == before
    assert checks(classifier.eval(), photos(), LEFT) == ()


def test_the_same_is_said_twice_and_global_state_is_untouched() -> None:
    before = torch.random.get_rng_state()
    assert said(Winners()) == said(Winners())
    assert torch.equal(before, torch.random.get_rng_state())
