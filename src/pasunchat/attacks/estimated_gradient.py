"""Where the gradient is zero: what the margin does around the pixels.

A network may be flat where the photo is and not a step away (saturated units), or flat almost
everywhere (numbers rounded inside it). First the gradient of noisy neighbours is asked for, with
ever larger noise; then the margin's differences along random directions stand for it (Spall 1992,
simultaneous perturbation).
"""

import torch
from torch import Tensor

from pasunchat.attacks.norms import row_sums, wide
from pasunchat.attacks.oracle import Oracle
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Answer, Ask, State, take
from pasunchat.runtime import generator

NOISE = (1 / 255, 4 / 255, 16 / 255)
DIRECTIONS, STEP = 16, 8 / 255


def look_around(
    oracle: Oracle, problem: Problem, state: State, ask: Ask, answer: Answer, keys: Tensor
) -> tuple[Answer, Tensor]:
    """The answer with another way's gradient for those rows whose gradient is zero; and how many
    queries that took, int64 [N]. keys: int64 [N], other ones at each step."""
    assert answer.gradient is not None and answer.loss is not None
    gradient, spent = answer.gradient.clone(), torch.zeros(len(keys), dtype=torch.int64)
    for size in NOISE:
        rows = _flat(gradient, ask)
        if not len(rows):
            break
        shown = ask.pixels[rows, 0]
        near = (shown + _signs(shown, keys[rows], size) * size).clamp(0, 1)
        every = torch.arange(len(rows))
        gradient[rows] = oracle.slope(problem.rows(rows), take(state, rows), near, every)[2]
        spent[rows] += 1
    rows = _flat(gradient, ask)
    if len(rows):
        gradient[rows] = _differences(oracle, problem.rows(rows), ask.pixels[rows, 0], keys[rows])
        spent[rows] += 2 * DIRECTIONS
    return answer._replace(gradient=gradient), spent


def _flat(gradient: Tensor, ask: Ask) -> Tensor:
    """The rows that asked for a gradient and got zero."""
    wanted = ask.gradient.to(gradient.device)
    return torch.nonzero(wanted & ~gradient.flatten(1).any(1)).squeeze(1)


def _differences(oracle: Oracle, problem: Problem, shown: Tensor, keys: Tensor) -> Tensor:
    """The mean of (margin at +step - margin at -step) times the direction, over directions."""
    total = torch.zeros_like(shown)
    for direction in range(DIRECTIONS):
        signs = _signs(shown, keys, direction)
        up, down = (
            problem.goal.margin(oracle.logits((shown + way * STEP * signs).clamp(0, 1)))
            for way in (1, -1)
        )
        total += wide(up - down) * signs
    allowed = total if problem.mask is None else total * problem.mask
    return allowed / (2 * STEP * DIRECTIONS * row_sums(torch.ones_like(shown))[:, None, None, None])


def _signs(shown: Tensor, keys: Tensor, purpose: object) -> Tensor:
    """+1 or -1 for each value, from the row's key."""
    drawn = [
        torch.randint(0, 2, shown.shape[1:], generator=generator(int(key), "around", purpose))
        for key in keys
    ]
    return torch.stack(drawn).to(shown) * 2 - 1
