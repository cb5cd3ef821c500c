import pytest
import torch
from torch import Tensor, nn

from pasunchat.classifiers.company import Company, company_of
from pasunchat.errors import PasunchatError

PIXELS = torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
DENSE = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))


def found(run: nn.Module) -> Company:
    return company_of(run, run, PIXELS)


def test_most_answers_are_the_same_in_company() -> None:
    assert found(DENSE) is Company.SAME
    assert found(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)).double().float()) is Company.SAME


def test_half_precision_alone_is_no_company() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(48, 2).bfloat16()

        def forward(self, pixels: Tensor) -> Tensor:
            off = 0.001 * (len(pixels) > 1)  # as rounding may differ with the batch
            return self.dense(pixels.flatten(1).bfloat16()).float() * (1 + off)

    assert found(Half()) is Company.SAME


def test_a_batch_norm_in_training_mode_looks_at_the_batch() -> None:
    assert found(nn.Sequential(nn.BatchNorm2d(3), *DENSE).train()) is Company.OTHER


def test_answers_that_are_random_are_not_taken_for_it() -> None:
    class Random(nn.Module):
        draw = torch.Generator().manual_seed(0)

        def forward(self, pixels: Tensor) -> Tensor:
            return torch.rand(len(pixels), 2, generator=self.draw)

    assert found(Random()) is Company.SAME


def test_a_network_for_one_picture_takes_no_batch() -> None:
    class First(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return DENSE(pixels[:1])

    class Alone(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return DENSE(pixels.reshape(1, 3, 4, 4))

    assert found(First()) is found(Alone()) is Company.REFUSED


def test_a_network_that_takes_no_single_picture_is_refused() -> None:
    norm = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3), nn.Flatten()).train()
    with pytest.raises(PasunchatError, match="on images of 4 x 4 pixels: Expected more than 1"):
        found(norm)
