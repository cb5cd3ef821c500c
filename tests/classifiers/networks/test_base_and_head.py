"""What is frozen gets no gradient and keeps its statistics, whatever mode the whole is in."""

import copy

import torch
from torch import nn

from pasunchat.classifiers.networks.base_and_head import BaseAndHead


def network() -> BaseAndHead:
    def part(inputs: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(inputs, 4), nn.BatchNorm1d(4))

    return BaseAndHead(nn.Sequential(part(3), nn.ReLU(), part(4), nn.ReLU()), nn.Linear(4, 2))


def statistics(part: nn.Module) -> torch.Tensor:
    return part.get_buffer("1.running_mean").clone()


def test_all_is_trained_unless_asked() -> None:
    whole = network()
    assert not whole.frozen
    assert all(p.requires_grad for p in whole.parameters())


def test_frozen_parts_learn_nothing_and_the_last_ones_may() -> None:
    for last, learns in ((0, [False, False]), (1, [False, True]), (None, [True, True])):
        whole = network()
        whole.train_base(last)
        before = [statistics(part) for part in whole.parts()]
        for mode in (whole.train, nn.Sequential(whole).train):
            mode()
        whole(torch.rand(5, 3)).sum().backward()
        assert [part[0].weight.grad is not None for part in whole.parts()] == learns
        changed = [
            not torch.equal(old, statistics(part))
            for old, part in zip(before, whole.parts(), strict=True)
        ]
        assert changed == learns
        assert whole.head.weight.grad is not None
        assert whole.frozen == (last == 0)


def test_more_than_there_is_is_all_of_it_and_it_can_be_changed_back() -> None:
    whole = network()
    whole.train_base(7)
    assert all(p.requires_grad for p in whole.parameters())
    whole.train_base(0)
    assert not any(p.requires_grad for p in whole.base.parameters())
    whole.train_base(None)
    assert all(part.training for part in whole.modules())


def test_a_copy_is_frozen_by_itself() -> None:
    whole = network()
    whole.train_base(0)
    other = copy.deepcopy(whole)
    other.train()
    assert not any(part.training for part in other.parts())
    assert other.head.training
