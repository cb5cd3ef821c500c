"""The residual network: its size, its start, and what its settings do."""

import pytest
import torch

from pasunchat.classifiers.build import build
from pasunchat.classifiers.networks.residual import Block, Skip
from pasunchat.classifiers.summary import describe
from pasunchat.errors import PasunchatError

CLASSES = ("cat", "dog")


def blocks(name: str, size: int = 32) -> list[Block]:
    network = build(name, classes=CLASSES, size=size).network
    return [part for part in network.modules() if isinstance(part, Block)]


def test_parameters_by_hand() -> None:
    """Convolutions have no bias, and a batch norm behind each has two numbers a channel."""

    def normed(inputs: int, outputs: int, kernel: int = 3) -> int:
        return inputs * outputs * kernel**2 + 2 * outputs

    stem = normed(3, 32) + normed(32, 32)
    stages = 4 * normed(32, 32) + 3 * normed(64, 64) + 3 * normed(128, 128)
    halving = sum(normed(c, 2 * c) + normed(c, 2 * c, kernel=1) for c in (32, 64))
    head = 2 * 128 * 2 + 2  # mean and maximum of each channel, two classes
    described = describe(build("residual", classes=CLASSES, size=64))
    assert described.parameters == stem + stages + halving + head == 705_122


def test_three_stages_a_sixteenth_of_the_side() -> None:
    described = describe(build("residual:width=8,depth=3", classes=CLASSES, size=112))
    ends = [row.shape for row in described.layers if row.name.endswith("block3.relu")]
    assert ends == [(28, 28, 8), (14, 14, 16), (7, 7, 32)]
    assert described.layers[-1].parameters == 2 * 32 * 2 + 2


def test_blocks_start_as_their_shortcut() -> None:
    maps = torch.rand(2, 32, 8, 8, generator=torch.Generator().manual_seed(0))
    first, *_ = blocks("residual")
    assert torch.equal(first(maps), maps)


def test_convolutions_start_with_variance_2_over_inputs() -> None:
    weight = blocks("residual:width=64")[0].get_parameter("conv1.conv.weight")
    assert weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)


def test_skipping_keeps_the_mean_and_is_off_outside_training() -> None:
    branch = torch.ones(4000, 1, 1, 1)
    skip = Skip(0.25)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert skip(branch).mean().item() == pytest.approx(1, abs=0.03)
    assert skip(branch).unique().tolist() == [0, pytest.approx(1 / 0.75)]
    assert torch.equal(skip.eval()(branch), branch)


def test_later_blocks_are_skipped_more_often() -> None:
    rates = [block.skip.rate for block in blocks("residual:depth=2,skip=0.3")]
    assert rates == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.25, 0.3])


def test_any_side_from_16() -> None:
    network = build("residual:width=8,depth=1,squeeze=4", classes=CLASSES, size=16).network
    for side in (16, 31, 112):
        assert network(torch.rand(2, 3, side, side)).shape == (2, 2)
    with pytest.raises(PasunchatError, match="size 16 or more, got 15"):
        build("residual", classes=CLASSES, size=15)


@pytest.mark.parametrize("setting", ["width=0", "depth=0", "squeeze=-1", "dropout=1", "skip=-0.1"])
def test_settings_out_of_range_are_named(setting: str) -> None:
    with pytest.raises(PasunchatError, match=f"{setting.partition('=')[0]}: expected"):
        build(f"residual:{setting}", classes=CLASSES, size=32)
