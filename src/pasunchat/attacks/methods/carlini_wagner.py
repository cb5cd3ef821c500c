"""C&W: the size squared plus a price times the lead still missing, minimised by Adam.

Carlini and Wagner 2017, "Towards evaluating the robustness of neural networks", arXiv:1608.04644,
section VI A (L2). With x the photo, m the margin of the goal and c the price, Adam minimises

    |z - x|^2 + c max(-m(z), 0)      over w,  z = 1/2 + (1/2 + WIDER) tanh(w)

In rounds: c is ten times larger after a round in which nothing reached, and bisected after that.
Where the paper differs: z reaches WIDER beyond [0, 1] and is cut to it, so that a pixel at 0 or 1
can move; a row's round ends by that row alone; the first c is by default twice the 2 |m| / |g|^2
that a plane needs (the paper's program: 0.001). Its kappa is the goal's confidence.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import margin
from pasunchat.attacks.methods.common import corrected, updated
from pasunchat.attacks.norms import row_sums, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import (
    Access,
    Aim,
    Answer,
    Ask,
    Keeps,
    ask_snapped,
    refuse_below_one,
)

TENFOLD = 10  # the next price while none was high enough


def first_price(lead: Tensor, gradient: Tensor) -> Tensor:
    """Twice the price at which a linear margin would just be met, [N]; 1 where it has no slope.
    lead [N], gradient: of the margin at the photo."""
    steep = row_sums(gradient.square())
    price = 4 * lead.abs() / steep
    return torch.where((steep > 0) & price.isfinite(), price, 1)


def next_price(
    price: Tensor, low: Tensor, high: Tensor, over: Tensor, found: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The price, and those known to be too low and high enough, all [N], after the rounds that are
    `over`, bool [N]. found: whether the round reached, bool [N]. high is infinite until one did."""
    low = torch.where(over & ~found, price, low)
    high = torch.where(over & found, price, high)
    following = torch.where(high.isinf(), TENFOLD * price, (low + high) / 2)
    return torch.where(over, following, price), low, high


WIDER = 1 / 255


def variable_of(pixels: Tensor) -> Tensor:
    """w of pixels [N, 3, H, W] in [0, 1]: finite at both ends.

    Row by row: torch's atanh rounds by the place of a value in memory.
    """
    inner = (2 * pixels - 1) / (1 + 2 * WIDER)
    return torch.stack([row.atanh() for row in inner]) if len(inner) else inner


def pixels_of(variable: Tensor) -> Tensor:
    """Pixels of w, up to WIDER beyond [0, 1]."""
    return 0.5 + (0.5 + WIDER) * variable.tanh()


CHECKS, ENOUGH = 3, 0.9999  # a round ends where a third of it (theirs: a tenth) gains no more


@dataclass(frozen=True)
class PriceState:
    """variable: w, and its Adam moments mean and square, [N, 3, H, W]. price: c, nan before the
    first answer; low, high: the prices known to be too low and high enough; checked: the objective
    at the last check, [N]. found: whether this round reached, bool [N]. clock: questions of this
    round, round: rounds ended, int64 [N]."""

    variable: Tensor
    mean: Tensor
    square: Tensor
    price: Tensor
    low: Tensor
    high: Tensor
    checked: Tensor
    found: Tensor
    clock: Tensor
    round: Tensor
    done: Tensor


@dataclass(frozen=True)
class CarliniWagner:
    """steps: gradients a round, at most. rounds: prices tried (binary search steps). lr: Adam's.
    initial_const: the first price; none: twice what a linear margin would need."""

    about: ClassVar[str] = "size against a price on the missing lead, by Adam; the price bisected"
    paper: ClassVar[str] = "Carlini and Wagner 2017, arXiv:1608.04644"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("l2",)
    aims: ClassVar[tuple[Aim, ...]] = ("nearest",)
    keeps: ClassVar[Keeps] = "nearest"
    when: ClassVar[str] = "to compare with its paper"
    cost: ClassVar[str] = "one gradient a step: thousands"

    steps: int = 1000
    rounds: int = 9
    lr: float = 0.01
    initial_const: float | None = None

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps", "rounds")
        for name in ("lr", "initial_const"):
            if (value := getattr(self, name)) is not None and not 0 < value < inf:
                raise ValueError(f"{name}: expected a number above 0, got {value}")

    def start(self, problem: Problem, keys: Tensor) -> PriceState:
        variable = variable_of(problem.pixels)
        none = problem.pixels.new_zeros(len(keys))
        count = torch.zeros_like(none, dtype=torch.int64)
        return PriceState(
            variable=variable,
            mean=torch.zeros_like(variable),
            square=torch.zeros_like(variable),
            price=none + (self.initial_const or torch.nan),
            low=none,
            high=none + inf,
            checked=none + inf,
            found=count.bool(),
            clock=count,
            round=count,
            done=count.bool(),
        )

    def ask(self, problem: Problem, state: PriceState) -> Ask:
        pixels = pixels_of(state.variable).clamp_(0, 1)
        return ask_snapped(problem, pixels, torch.ones_like(state.done))

    def loss(self, problem: Problem, state: PriceState, logits: Tensor) -> Tensor:
        return margin(logits, problem.goal)

    def step(self, problem: Problem, state: PriceState, answer: Answer) -> PriceState:
        assert answer.gradient is not None and answer.loss is not None
        reached = answer.reached[:, 0]
        price = state.price.where(~state.price.isnan(), first_price(answer.loss, answer.gradient))
        state = replace(state, price=price, found=state.found | reached)
        change = pixels_of(state.variable) - problem.pixels
        objective = row_sums(change.square()) + price * (-answer.loss).clamp_min(0)
        pull = wide(torch.where(reached, 0, price)) * answer.gradient
        state = self._moved(state, 2 * change - pull)
        return self._round_ended(problem, state, objective)

    def _moved(self, state: PriceState, slope: Tensor) -> PriceState:
        """One step of Adam along the slope of the objective in pixels, [N, 3, H, W]."""
        slope = slope * (1 - state.variable.tanh().square())
        mean, square = updated(state.mean, state.square, slope)
        steady, root = corrected(mean, square, state.clock + 1)
        variable = state.variable - self.lr * steady / root
        return replace(state, variable=variable, mean=mean, square=square, clock=state.clock + 1)

    def _round_ended(self, problem: Problem, state: PriceState, objective: Tensor) -> PriceState:
        """Where a round is over: another price, and Adam from the photo again."""
        check = (state.clock - 1) % max(1, self.steps // CHECKS) == 0
        stuck = check & (objective > ENOUGH * state.checked)
        over = stuck | (state.clock >= self.steps)
        if not over.any():
            return replace(state, checked=torch.where(check, objective, state.checked))
        price, low, high = next_price(state.price, state.low, state.high, over, state.found)
        again, rounds = wide(over), state.round + over.long()
        return PriceState(
            variable=torch.where(again, variable_of(problem.pixels), state.variable),
            mean=state.mean.masked_fill(again, 0),
            square=state.square.masked_fill(again, 0),
            price=price,
            low=low,
            high=high,
            checked=torch.where(over, inf, torch.where(check, objective, state.checked)),
            found=state.found & ~over,
            clock=state.clock.masked_fill(over, 0),
            round=rounds,
            done=rounds >= self.rounds,
        )
