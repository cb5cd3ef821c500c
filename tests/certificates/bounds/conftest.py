"""Small classifiers of several kinds, untrained: what bounds must hold for."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.runtime import generator

SIZE = 12


class Residual(nn.Module):
    """A block whose input is added to what it makes, and one that is scaled."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.last = nn.Linear(4 * 6 * 6, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        one = torch.relu(self.first(pixels))
        two = torch.relu(one - 0.5 * self.second(one))
        return self.last(nn.functional.avg_pool2d(two, 2).flatten(1))


class ColoursLast(nn.Module):
    """As Keras has it: colours are the last axis between layers, biases are added by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(4, 3, 3, 3))
        self.bias = nn.Parameter(torch.randn(4))
        self.last = nn.Parameter(torch.randn(4 * 6 * 6, 2))

    def forward(self, pixels: Tensor) -> Tensor:
        made = nn.functional.conv2d(pixels, self.kernel, padding=1).permute(0, 2, 3, 1) + self.bias
        pooled = nn.functional.max_pool2d(torch.relu(made).permute(0, 3, 1, 2), 2)
        return pooled.permute(0, 2, 3, 1).reshape(-1, 4 * 6 * 6) @ self.last


def _ours(name: str, classes: int = 2, *, mirrored: bool = False) -> Classifier:
    names = tuple("abcdefghij"[:classes])
    classifier = build(name, classes=names, size=SIZE, seed=1, mirrored=mirrored)
    for part in classifier.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.2, 0.2, generator=generator("mean"))
            part.running_var.uniform_(0.5, 2, generator=generator("var"))
    return classifier


def _layers(*layers: nn.Module) -> Classifier:
    return Classifier(nn.Sequential(*layers), mean=0.4, std=0.3)


NETWORKS: dict[str, Callable[[], Classifier]] = {
    "linear": lambda: _ours("linear", 3),
    "dense": lambda: _ours("dense:units=8", 3),
    "simple": lambda: _ours("simple:width=4,depth=3", 2),
    "ten classes": lambda: _ours("simple:width=4,depth=2", 10),
    "batch norm": lambda: _ours("simple:width=4,depth=2,batch_norm=true"),
    "mirrored": lambda: _ours("simple:width=4,depth=2", mirrored=True),
    "relu before pooling": lambda: _layers(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3),
    ),
    "pooling without relu, mean of all": lambda: _layers(
        nn.Conv2d(3, 6, 5, stride=2, groups=3), nn.MaxPool2d(2), nn.Conv2d(6, 4, 1),
        nn.LeakyReLU(0.1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
    ),
    "windows that overlap": lambda: _layers(
        nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(3, 2, 1), nn.ReLU6(),
        nn.Conv2d(4, 4, 3, dilation=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2),
    ),
    "residual": lambda: Classifier(Residual()),
    "colours last": lambda: Classifier(ColoursLast()),
}  # fmt: skip


@pytest.fixture(params=NETWORKS)
def classifier(request: pytest.FixtureRequest) -> Classifier:
    """Each network in turn, untrained."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return NETWORKS[request.param]().eval().requires_grad_(False)


@pytest.fixture
def photo() -> Tensor:
    """A picture of noise, float32 [1, 3, SIZE, SIZE], of which some values are 0 or 1."""
    drawn = torch.rand(1, 3, SIZE, SIZE, generator=generator("photo", 0))
    return (drawn * 1.2 - 0.1).clamp(0, 1)
