"""Which rows are not worth more of a search inside a radius: a rule that is stated.

The gradient at the photo promises a gain of margin: radius times the dual norm of the gradient. On
networks whose gradients tell the truth a search gets a share of it near 1. How far from 1 that
share has been, and how much the last part added, says how much more a longer search may get. A row
is given up when it lacks more:

    needed > got * (1 + slack * off),  while 1/2 <= got / promised <= 2
    off = the largest |1 - got / promised| and got / got before - 1 after any part so far

Outside these bounds (masked gradients, noise, quantised inputs) nothing is given up.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pasunchat.attacks.protocol import Attack
from pasunchat.attacks.search import Found, first_answers
from pasunchat.attacks.task import Task

HONEST = 2.0  # times the promise, or as much less
LEAST_OFF = 0.01


@dataclass(frozen=True)
class Promise:
    """margin: at the photo; gain: that the gradient there promises inside the radius; got: after
    the last part; off: the rule's, so far. All [N], zero for rows not asked about."""

    margin: Tensor
    gain: Tensor
    got: Tensor
    off: Tensor


def promise(attack: Attack[Any], task: Task, found: Found) -> Promise:
    """Ask for the gradient of the task's rows at the photo, counted in `found`. attack: one that
    first asks there, for the gradient of the margin."""
    problem = task.problem
    assert problem.radius is not None
    margin, gain = torch.zeros_like(problem.radius), torch.zeros_like(problem.radius)
    for some, answer in first_answers(attack, task):
        assert answer.loss is not None and answer.gradient is not None
        margin[some] = answer.loss
        gain[some] = problem.radius[some] * problem.norm.dual(answer.gradient)
    found.forwards[task.rows] += 1
    found.backwards[task.rows] += 1
    return Promise(margin, gain, torch.zeros_like(gain), torch.full_like(gain, LEAST_OFF))


def worth_more(
    promised: Promise, found: Found, rows: Tensor, slack: float
) -> tuple[Promise, Tensor]:
    """The promise, with what is now known of it, and those of the rows that are not given up."""
    needed, gain = -promised.margin[rows], promised.gain[rows]
    got = found.margin[rows] - promised.margin[rows]
    honest = (got * HONEST >= gain) & (got <= HONEST * gain) & (gain > 0)
    off = torch.maximum(promised.off[rows], (1 - got / gain).abs())
    before = promised.got[rows]
    off = torch.maximum(off, torch.where(before > 0, got / before - 1, 0))
    hopeless = honest & (needed > got * (1 + slack * off))
    last, known = promised.got.clone(), promised.off.clone()
    last[rows], known[rows] = got, torch.where(honest, off, known[rows])
    return Promise(promised.margin, promised.gain, last, known), rows[~hopeless.cpu()]
