"""Draws: functions of a row's key alone."""

import torch

from pasunchat.draws import draw_numbers

KEYS = torch.tensor([0, 1, -5, 2**62])


def test_numbers_are_a_function_of_the_key_and_the_purpose() -> None:
    drawn = draw_numbers(KEYS, 3, "place")
    assert torch.equal(drawn[[2, 0]], draw_numbers(KEYS[[2, 0]], 3, "place"))
    assert not (drawn == draw_numbers(KEYS, 3, "signs")).any()
    assert len(drawn.unique()) == drawn.numel()


def test_numbers_are_uniform_and_neighbouring_keys_have_nothing_in_common() -> None:
    drawn = draw_numbers(torch.arange(20_000), 2, "place")
    assert float(drawn.min()) >= 0 and float(drawn.max()) < 1
    shares = torch.histc(drawn.flatten().float(), 16, 0, 1) / drawn.numel()
    assert (shares - 1 / 16).abs().max() < 0.004  # 3 standard deviations: 0.0036
    pairs = torch.stack([drawn[:-1, 0], drawn[1:, 0], drawn[:-1, 1]])
    assert (torch.corrcoef(pairs) - torch.eye(3)).abs().max() < 0.03
