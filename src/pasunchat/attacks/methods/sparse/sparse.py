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
from math import inf
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from pasunchat.attacks.losses import margin
from pasunchat.attacks.methods.sparse.pieces import (
    MOST,
    added,
    in_pieces,
    on_grid,
    on_pixels,
    taken_back,
    to_take_back,
)
from pasunchat.attacks.norms import row_sums, unit, wide
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Access, Aim, Answer, Ask, Effort, Keeps, put, take
from pasunchat.runtime import generator

START, LOOK, GROWN, BACK = range(4)  # phases: what the next answer is for


class Seen(NamedTuple):
    """The answer to one query a row: margin [N], reached bool [N], gradient [N, 3, H, W]."""

    lead: Tensor
    reached: Tensor
    gradient: Tensor


@dataclass(frozen=True)
class SparseState:
    """pixels: to be asked next. base: what a round began with. whole: what pieces are taken back
    from. direction: V. [N, 3, H, W].
    order: of the pieces to take back, int64 [N, MOST or fewer]; lost: what the margin loses with
    the first of them by the gradient, same shape. phase, looks, spent (queries), stalled (rounds
    without gain), idle (since the last gain), begun (how often), tries, count, low, high (pieces
    taken back): int64. lead: the margin before any is taken back. nearest: of this beginning.
    scale: of the direction. step: by how much a value goes at once. done. [N]."""

    pixels: Tensor
    base: Tensor
    whole: Tensor
    direction: Tensor
    order: Tensor
    lost: Tensor
    keys: Tensor
    phase: Tensor
    looks: Tensor
    spent: Tensor
    stalled: Tensor
    idle: Tensor
    begun: Tensor
    tries: Tensor
    count: Tensor
    low: Tensor
    high: Tensor
    lead: Tensor
    nearest: Tensor
    scale: Tensor
    step: Tensor
    done: Tensor


def before(problem: Problem, keys: Tensor) -> SparseState:
    """Before the first query: nothing changed, nothing known."""
    none = problem.pixels.new_zeros(len(keys))
    count = torch.zeros_like(none, dtype=torch.int64)
    pieces = min(MOST, problem.pixels[0].numel() // (3 if problem.norm.name == "pixels" else 1))
    return SparseState(
        pixels=problem.pixels,
        base=problem.pixels,
        whole=problem.pixels,
        direction=torch.zeros_like(problem.pixels),
        order=count[:, None].expand(-1, pieces),
        lost=none[:, None].expand(-1, pieces),
        keys=keys.to(none.device),
        phase=count + START,
        looks=count,
        spent=count,
        stalled=count,
        idle=count,
        begun=count,
        tries=count,
        count=count,
        low=count,
        high=count,
        lead=none,
        nearest=none + inf,
        scale=none,
        step=none + 1,
        done=count.bool(),
    )


def begun_anew(problem: Problem, state: SparseState) -> SparseState:
    """Begin again from the photo, along another power."""
    none = torch.zeros_like(state.phase)
    return replace(
        state,
        pixels=problem.pixels,
        direction=torch.zeros_like(state.direction),
        phase=none + START,
        looks=none,
        stalled=none,
        idle=none,
        begun=state.begun + 1,
        nearest=torch.full_like(state.nearest, inf),
        scale=torch.zeros_like(state.scale),
    )


def either(first: Tensor, one: SparseState, other: SparseState) -> SparseState:
    """The rows of `one` where `first` [N] holds, else of `other`."""
    if first.all():
        return one
    return put(other, rows := torch.nonzero(first).squeeze(1), take(one, rows))


EXPONENTS = {"l1": (3.0, 2.5, 4.0, 2.0), "l0": (4.0, 3.0, 6.0, 2.0), "pixels": (4.0, 3.0, 6.0, 2.0)}
LOOKS, OVER = 8, 1.1
POWER_TRIES, NEAR = 5, 0.05


def turned(problem: Problem, state: SparseState, seen: Seen) -> SparseState:
    """The next change to ask about: the direction turned by the gradient seen, and as long as the
    plane there says. Rows without a gradient are done."""
    looks = state.looks + 1
    weight = torch.where(looks <= 2, 1 / looks, 0.4)
    direction = state.direction + wide(weight) * (unit(seen.gradient) - state.direction)
    exponents = EXPONENTS[problem.norm.name]
    exponent = [exponents[at % len(exponents)] for at in state.begun.tolist()]
    ray = along_power(problem, direction, direction.new_tensor(exponent))
    more = direction.new_tensor([_more(each) for each in looks.tolist()])
    scale, pixels = reaching_power(
        problem, ray, state.pixels, seen.lead, seen.gradient, more, state.scale
    )
    done = state.done | ~seen.gradient.flatten(1).any(1)
    return replace(state, direction=direction, looks=looks, scale=scale, pixels=pixels, done=done)


def along_power(problem: Problem, direction: Tensor, exponent: Tensor) -> Tensor:
    """The direction's signs, sized by |piece|^exponent [N], the largest 1, [N, 3, H, W].

    Row by row: a power's last bit may depend on its place in the memory it is reckoned in.
    """
    size = in_pieces(problem, direction.abs())
    size = size / size.amax(1, keepdim=True).clamp_min(torch.finfo(size.dtype).tiny)
    powers = torch.stack([row**power for row, power in zip(size, exponent, strict=True)])
    return direction.sign() * on_pixels(problem, powers)


def reaching_power(
    problem: Problem,
    ray: Tensor,
    seen: Tensor,
    lead: Tensor,
    gradient: Tensor,
    more: Tensor,
    scale: Tensor,
) -> tuple[Tensor, Tensor]:
    """The change along `ray` whose margin is above 0 by the plane at `seen`, and its pixels.

    lead [N] and gradient: of the margin at the pixels `seen`. more: [N], how much further than
    the plane says. scale: [N], a first guess, or 0. Returns (scale [N], pixels).
    """
    wanted = more * (row_sums(gradient * (seen - problem.pixels)) - lead)
    straight = wanted / row_sums(gradient * ray).clamp_min(torch.finfo(ray.dtype).tiny)
    scale = torch.where(scale > 0, scale, straight.clamp(1 / 255, 1e6))
    pixels = _at(problem, ray, scale)
    for _ in range(POWER_TRIES):
        got = row_sums(gradient * (pixels - problem.pixels))
        off = (got - wanted).abs() > NEAR * wanted.abs()
        if not off.any():
            break
        factor = torch.where(got > 0, wanted / got, 4).clamp(0.25, 4)
        scale = torch.where(off, scale * factor, scale)
        pixels = _at(problem, ray, scale)
    return scale, pixels


def _at(problem: Problem, ray: Tensor, scale: Tensor) -> Tensor:
    return on_grid(problem, (problem.pixels + ray * wide(scale)).clamp(0, 1))


def _more(looks: int) -> float:
    """How much further than the plane says: ever more where that has not reached."""
    return OVER * 1.5 ** min(max(looks - LOOKS, 0), 20)


JITTER = 0.5
GAIN = 0.995  # of the nearest: a round that ends above it has gained nothing
TOLERANCE = 0.1  # of the nearest: a round may end so much further away


def put_in_order(
    problem: Problem, state: SparseState, seen: Seen, jitter: Tensor | None
) -> SparseState:
    """The pieces of `pixels` in order, and the first guess how many of them to take back."""
    order, able, lost = to_take_back(problem, state.pixels, seen.gradient, state.step, jitter)
    count = torch.minimum((lost <= seen.lead[:, None]).sum(1), able).clamp_min(1)
    return replace(
        state,
        whole=state.pixels,
        pixels=taken_back(problem, state.pixels, order, count, state.step),
        order=order,
        lost=lost,
        phase=state.phase * 0 + BACK,
        tries=state.tries * 0,
        count=count,
        low=state.low * 0,
        high=able + 1,
        lead=seen.lead,
    )


def next_count(state: SparseState, lead: Tensor) -> Tensor:
    """How many pieces to take back next: as many as the plane allows when it is made to agree
    with the margin just seen; kept off the bracket's ends by a tenth."""
    told = state.lost.gather(1, (state.count - 1)[:, None]).squeeze(1)
    ratio = ((state.lead - lead) / told).clamp(0.1, 10).nan_to_num(1)
    count = (state.lost * ratio[:, None] <= state.lead[:, None]).sum(1)
    off = (state.high - state.low) // 10 + 1
    return torch.minimum(torch.maximum(count, state.low + off), state.high - off).clamp_min(1)


def factors(state: SparseState, purpose: str) -> Tensor:
    """What makes orders a little random: factors of 1 to 1 + JITTER, [N, K], from each row's key
    and its queries so far."""
    drawn = [
        torch.rand(state.order.shape[1], generator=generator(key, purpose, spent))
        for key, spent in zip(state.keys.tolist(), state.spent.tolist(), strict=True)
    ]
    return torch.stack(drawn).to(state.lost) * JITTER + 1


def next_round(problem: Problem, state: SparseState, pixels: Tensor, patience: int) -> SparseState:
    """The next round, from what this one has found where that is near enough; after
    `patience` rounds without gain the search begins anew."""
    distance = problem.distance(pixels)
    base = torch.where(wide(distance <= (1 + TOLERANCE) * state.nearest), pixels, state.base)
    gained = distance < GAIN * state.nearest
    stalled = torch.where(gained, state.stalled, state.stalled + 1)
    idle = torch.where(gained, 0, state.idle + 1)
    on = replace(
        state,
        base=base,
        pixels=base,
        nearest=torch.minimum(state.nearest, distance),
        stalled=stalled,
        idle=idle,
        phase=state.phase * 0 + LOOK,
    )
    return either(idle < patience, on, begun_anew(problem, on))


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
