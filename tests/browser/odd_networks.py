"""Networks that a search meets seldom: `pasunchat page odd_networks:NAME`."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier

CLASSES, SIZE = ("cat", "dog"), 32


class Ending(nn.Module):
    """A network with something done to its logits."""

    def __init__(self, network: nn.Module, ends: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.network, self.ends = network, ends

    def forward(self, pixels: Tensor) -> Tensor:
        return self.ends(self.network(pixels))


def _ending(ends: Callable[[Tensor], Tensor]) -> Classifier:
    classifier = build("simple:width=4", classes=CLASSES, size=SIZE, seed=1)
    classifier.network = Ending(classifier.network, ends).eval()
    return classifier


def never_sure() -> Classifier:
    """It is at most 60 % sure of anything."""
    return _ending(lambda logits: 0.2 * logits.tanh())


def deaf() -> Classifier:
    """It says the same of every picture: its gradient is 0 everywhere."""
    return _ending(lambda logits: 0 * logits + torch.tensor([1.0, 0.0]))


def blind() -> Classifier:
    """No gradient comes back."""
    return _ending(lambda logits: 100 * logits.detach())


class OneProduct(nn.Module):
    """A network without layers that can be seen."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3 * SIZE * SIZE, 2).div(SIZE))

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.einsum("nk,kc->nc", pixels.flatten(1), self.weight)


def one_product() -> Classifier:
    """No layer of it is a module."""
    torch.manual_seed(0)
    classifier = build("simple:width=4", classes=CLASSES, size=SIZE, seed=1)
    classifier.network = OneProduct().eval()
    return classifier
