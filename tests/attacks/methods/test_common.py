"""The cosine, and Adam against torch's own."""

import pytest
import torch

from pasunchat.attacks.methods.common import adam_step, cosine


def test_falls_from_first_to_last_by_a_cosine() -> None:
    assert [cosine(1.0, 0.2, step, 10) for step in (0, 5, 10)] == pytest.approx([1.0, 0.6, 0.2])


def test_adam_is_torch_s() -> None:
    drawn = torch.Generator().manual_seed(0)
    variable = torch.zeros(2, 3, 2, 2)
    theirs = variable.clone().requires_grad_()
    optimizer = torch.optim.Adam([theirs], lr=0.1)
    exp_avg, exp_avg_sq = torch.zeros_like(variable), torch.zeros_like(variable)
    for step in range(5):
        gradient = torch.randn(2, 3, 2, 2, generator=drawn)
        adam = adam_step(exp_avg, exp_avg_sq, gradient, step + 1)
        exp_avg, exp_avg_sq = adam.exp_avg, adam.exp_avg_sq
        variable = variable - 0.1 * adam.direction
        theirs.grad = gradient
        optimizer.step()
        assert torch.allclose(variable, theirs.detach(), atol=1e-6)
        assert torch.allclose(adam.direction * adam.scale, exp_avg / (1 - 0.9 ** (step + 1)))


def test_adam_corrects_each_row_by_its_own_count() -> None:
    drawn = torch.Generator().manual_seed(1)
    exp_avg, gradient = (torch.randn(2, 3, 2, 2, generator=drawn) for _ in range(2))
    counts = torch.tensor([1, 7])
    both = adam_step(exp_avg, exp_avg.square(), gradient, counts.view(2, 1, 1, 1)).direction
    for row, count in enumerate(counts.tolist()):
        alone = adam_step(exp_avg, exp_avg.square(), gradient, count).direction
        assert torch.equal(both[row], alone[row])
    assert both.dtype == torch.float32
