import torch
from torch import nn

from pasunchat.classifiers.modes import (
    buffers_kept,
    eval_mode,
    evaluating,
    frozen,
    ordinary,
    outside_inference_mode,
    set_mode,
)


class OneMode(nn.Module):
    """As a program of torch.export is."""

    def train(self, mode: bool = True) -> "OneMode":
        raise NotImplementedError


class Merges(nn.Module):
    """Does more than note its mode, as adapters do that are merged for evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.merged = False

    def train(self, mode: bool = True) -> "Merges":
        self.merged = not mode
        return super().train(mode)


def modes(module: nn.Module) -> list[bool]:
    return [part.training for part in module.modules()]


def test_a_part_with_one_mode_does_not_stop_the_others() -> None:
    parts = nn.Sequential(nn.Dropout(), OneMode(), nn.Sequential(nn.Dropout()))
    set_mode(parts, training=False)
    assert not any(modes(parts))
    set_mode(parts, training=True)
    assert all(modes(parts))


def test_each_part_gets_its_own_mode_back_also_after_an_error() -> None:
    parts = nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm2d(3), Merges())).train()
    parts[1].eval()
    parts[1][1].train()
    before = modes(parts)
    try:
        with evaluating(parts):
            assert not any(modes(parts)) and parts[1][1].merged
            raise KeyError
    except KeyError:
        assert modes(parts) == before and not parts[1][1].merged


def test_what_is_in_evaluation_mode_is_not_touched() -> None:
    parts = Merges()
    parts.training = False
    with evaluating(parts):
        assert not parts.merged


def test_evaluation_leaves_inference_mode() -> None:
    with torch.inference_mode(), eval_mode(nn.Identity()):
        assert not torch.is_grad_enabled() and not torch.ones(1).is_inference()
    with torch.inference_mode(), outside_inference_mode():
        assert torch.is_grad_enabled()


def test_only_weights_that_wanted_a_gradient_want_it_again() -> None:
    layer = nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    with frozen(layer):
        assert not layer.weight.requires_grad
    assert layer.weight.requires_grad and not layer.bias.requires_grad


def test_a_copy_is_made_only_of_what_was_made_in_inference_mode() -> None:
    usual = torch.ones(1)
    with torch.inference_mode():
        other = torch.ones(1)
    assert ordinary(usual) is usual
    assert not ordinary(other).is_inference()


def test_only_statistics_that_moved_are_written() -> None:
    norm = nn.BatchNorm2d(3)
    with buffers_kept(norm):
        norm(torch.rand(2, 3, 4, 4))
    assert not norm.running_mean.any() and norm.num_batches_tracked == 0
    version = norm.running_mean._version
    with buffers_kept(norm):
        norm.eval()(torch.rand(2, 3, 4, 4))
    assert norm.running_mean._version == version
