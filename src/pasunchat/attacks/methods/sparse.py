"""sparse: few values, few pixels or little in sum, by exchange on the grid.

Ours. It begins with a change along |V|^exponent, V being an average of unit gradients, which is
far from sparse but reaches; lengths follow the linearised margin. Then rounds, each from pixels
that reach:

    add         where the gradient there promises most, and ask for the gradient again
    take back   pieces in the order of what that gradient says they are worth, smallest first;
                how many, by a secant on the true margin

with orders made a little random. How much is added runs through a list, to the next entry
whenever a round gains nothing; after many such rounds the search begins anew. A round may end a
little further away than the nearest so far. pieces.py says what a piece is for each norm.
The idea of pruning by |g change| and of exchange: shared design, attacks.md 2.4 and 2.6.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from pasunchat.attacks.losses import margin
from pasunchat.attacks.methods.exchange import factors, next_count, next_round, put_in_order
from pasunchat.attacks.methods.powers import LOOKS, turned
from pasunchat.attacks.methods.sparse_changes import added, taken_back
from pasunchat.attacks.methods.sparse_state import BACK, GROWN, Seen, SparseState, before, either
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Effort, Keeps, put, take

CALLS = {"quick": 60, "normal": 200, "thorough": 800}
# shares of the distance to add, and for L1 by how much a value goes at once
COUNTED = ((2.0, 1.0), (1.0, 1.0), (0.5, 1.0), (0.25, 1.0), (0.12, 1.0), (0.06, 1.0))
SUMMED = (
    (1.0, 0.25), (0.5, 0.25), (0.5, 0.12), (0.25, 0.25), (0.25, 0.12), (0.12, 0.06), (0.06, 0.02),
    (0.02, 0.004),
)  # fmt: skip
MOVES = {"l1": SUMMED, "l0": COUNTED, "pixels": COUNTED}
TRIES = 3  # of how many pieces to take back, a round


@dataclass(frozen=True)
class Sparse:
    """effort: how many queries, a gradient being two. quick: 60. normal: 200. thorough: 800.
    queries: so many instead. patience: rounds without gain before the search begins anew."""

    about: ClassVar[str] = "few values, pixels or little in sum: add, take back, again (ours)"
    paper: ClassVar[str] = "ours; kin: sigma-zero (2402.01879), greedy exchange (attacks.md 2.6)"
    needs: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("l0", "pixels", "l1")
    aims: ClassVar[tuple[Aim, ...]] = ("nearest",)
    keeps: ClassVar[Keeps] = "nearest"
    when: ClassVar[str] = "for the fewest values or pixels, or the least in sum, as a file"
    cost: ClassVar[str] = "60, 200 or 800 questions, a gradient counting as two"

    effort: Effort = "normal"
    queries: int | None = None
    patience: int = 12

    def __post_init__(self) -> None:
        if self.queries is not None and self.queries < 2:
            raise ValueError(f"queries: expected 2 or more, got {self.queries}")
        if self.patience < 1:
            raise ValueError(f"patience: expected 1 or more rounds, got {self.patience}")

    def start(self, problem: Problem, keys: Tensor) -> SparseState:
        return before(problem, keys)

    def ask(self, problem: Problem, state: SparseState) -> Ask:
        return Ask(state.pixels[:, None], state.phase != BACK)

    def loss(self, problem: Problem, state: SparseState, logits: Tensor) -> Tensor:
        return margin(logits, problem.goal)

    def step(self, problem: Problem, state: SparseState, answer: Answer) -> SparseState:
        assert answer.margin is not None
        gradient, phase = answer.gradient, state.phase
        if gradient is None:
            gradient = torch.zeros_like(state.pixels)
        seen = Seen(answer.margin[:, 0], answer.reached[:, 0], gradient)
        state = replace(state, spent=state.spent + torch.where(phase == BACK, 1, 2))
        for number, move in enumerate((self._started, self._looked, self._grown, self._back)):
            rows = torch.nonzero(phase == number).squeeze(1)
            if len(rows):
                some = Seen(*(part[rows] for part in seen))
                part = move(problem.rows(rows), take(state, rows), some)
                state = part if len(rows) == len(phase) else put(state, rows, part)
        budget = self.queries or CALLS[self.effort]
        return replace(state, done=state.done | (state.spent >= budget))

    def _started(self, problem: Problem, state: SparseState, seen: Seen) -> SparseState:
        """Turn the direction and set its length; with enough looks, and reached, take back."""
        again = turned(problem, state, seen)
        whole = replace(state, looks=again.looks, step=torch.ones_like(state.step))
        begun = put_in_order(problem, whole, seen, None)
        return either(seen.reached & (again.looks >= LOOKS), begun, again)

    def _looked(self, problem: Problem, state: SparseState, seen: Seen) -> SparseState:
        """At a round's base: add."""
        moves = torch.tensor(MOVES[problem.norm.name])
        share, step = moves[state.stalled.cpu() % len(moves)].to(seen.lead).unbind(1)
        pixels = added(problem, state.base, seen.gradient, share, step, factors(state, "add"))
        return replace(state, pixels=pixels, step=step, phase=state.phase * 0 + GROWN)

    def _grown(self, problem: Problem, state: SparseState, seen: Seen) -> SparseState:
        """With more change: put it in order and take back; or on, where it does not reach."""
        begun = put_in_order(problem, state, seen, factors(state, "take back"))
        return either(seen.reached, begun, next_round(problem, state, state.base, self.patience))

    def _back(self, problem: Problem, state: SparseState, seen: Seen) -> SparseState:
        """With some pieces back: more of them where it still reaches, else fewer; then on."""
        low = torch.where(seen.reached, state.count, state.low)
        high = torch.where(seen.reached, state.high, state.count)
        state = replace(state, low=low, high=high, tries=state.tries + 1)
        count = next_count(state, seen.lead)
        pixels = taken_back(problem, state.whole, state.order, count, state.step)
        again = replace(state, count=count, pixels=pixels)
        over = (high - low <= 1) | (state.tries >= TRIES)
        kept = taken_back(problem, state.whole, state.order, low, state.step)
        return either(over, next_round(problem, state, kept, self.patience), again)
