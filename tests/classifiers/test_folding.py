"""Folded networks say the same, and what was folded is left alone."""

import pytest
import torch
from torch import nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.folding import fold_batch_norm, folded_for_search


@pytest.mark.parametrize(
    "name", ["simple:batch_norm=true", "tiny", "residual:squeeze=8,skip=0.1", "efficientnet-lite0"]
)
def test_gives_the_same_and_leaves_the_original(name: str) -> None:
    network = build(name, classes=("cat", "dog"), size=64).network.eval()
    draw = torch.Generator().manual_seed(0)
    for part in network.modules():  # statistics as after some training
        if isinstance(part, nn.BatchNorm2d) and name != "efficientnet-lite0":
            part.running_mean.normal_(generator=draw)
            part.running_var.uniform_(0.5, 2, generator=draw)
            nn.init.normal_(part.weight, 1, 0.2, generator=draw)
            nn.init.normal_(part.bias, generator=draw)
    base = getattr(network, "base", network)
    before = {key: value.clone() for key, value in base.state_dict().items()}
    pixels = torch.rand(2, 3, 64, 64, generator=draw) - 0.5
    folded = fold_batch_norm(base)
    wanted = base(pixels)
    assert (folded(pixels) - wanted).norm() < 1e-4 * wanted.norm()
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())
    assert not folded.training
    assert all(torch.equal(value, before[key]) for key, value in base.state_dict().items())


def test_statistics_of_the_batch_cannot_be_folded() -> None:
    layers = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False))
    with pytest.raises(ValueError, match="statistics"):
        fold_batch_norm(layers)


def test_a_search_gets_our_network_folded_and_any_other_as_it_is() -> None:
    ours = build("tiny", classes=("cat", "dog"), size=32).eval()
    folded = folded_for_search(ours)
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())
    assert torch.allclose(folded(pixels), ours(pixels), atol=1e-5)
    assert folded.info == ours.info
    theirs = Classifier(nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.Flatten())).eval()
    assert folded_for_search(theirs) is theirs
    without = build("simple", classes=("cat", "dog"), size=32)
    assert folded_for_search(without) is without
