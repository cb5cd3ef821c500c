"""An oracle around the oracle: where the gradient is 0, what the margin does around the pixels.

A network may be flat where the photo is and not a step away (saturated units), or flat almost
everywhere (numbers rounded inside it). First the gradient at noisy neighbours is asked for, with
ever larger noise; then differences of the margin along random directions stand for it (Spall 1992,
simultaneous perturbation). Only for rows that have not reached: where a loss is at its optimum its
gradient is rightly 0.
"""

import torch
from torch import Tensor

from pasunchat.attacks.draws import draw_signs
from pasunchat.attacks.norms import batch_view
from pasunchat.attacks.oracle import Oracle, is_zero
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import Answer, Query, State, take

NOISE = (1 / 255, 4 / 255, 16 / 255)
DIRECTIONS, STEP = 16, 8 / 255


class EstimatingOracle:
    """As `Oracle`, with an estimate where the gradient is 0."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle

    def answer(
        self, problem: Problem, state: State, query: Query, wanted: Tensor, keys: Tensor
    ) -> Answer:
        """As `Oracle.answer`. keys: int64 [N], others at each step."""
        answer = self.oracle.answer(problem, state, query, wanted)
        if answer.gradient is None or answer.gradient.ndim != problem.pixels.ndim:
            return answer  # none was asked for, or one for each of several losses
        flat = wanted & ~answer.has_gradient & ~answer.reached[:, 0].cpu()
        rows = torch.nonzero(flat).squeeze(1)
        return self._estimated(problem, state, query, answer, rows, keys) if len(rows) else answer

    def _estimated(
        self,
        problem: Problem,
        state: State,
        query: Query,
        answer: Answer,
        rows: Tensor,
        keys: Tensor,
    ) -> Answer:
        """The answer with an estimate for some rows, int64 [M]."""
        assert answer.gradient is not None
        some, pixels, keys = problem.rows(rows), query.pixels[rows, 0], keys[rows]
        found, spent, slopes = torch.zeros_like(pixels), 0 * rows, 0 * rows
        for size in NOISE:
            zero = torch.nonzero(is_zero(found)).squeeze(1)
            if not len(zero):
                break
            found[zero] = self._gradient_near(
                some.rows(zero), take(state, rows[zero]), pixels[zero], keys[zero], size
            )
            spent[zero] += 1
            slopes[zero] += 1
        zero = torch.nonzero(is_zero(found)).squeeze(1)
        if len(zero):
            found[zero] = self._differences(some.rows(zero), pixels[zero], keys[zero])
            spent[zero] += 2 * DIRECTIONS
        by_view = answer.view_gradients
        return answer._replace(
            gradient=answer.gradient.index_copy(0, rows, found),
            view_gradients=None
            if by_view is None
            else by_view.index_copy(0, rows, found[:, None].expand_as(by_view[rows])),
            has_gradient=answer.has_gradient.index_copy(0, rows, ~is_zero(found)),
            forwards=answer.forwards.index_add(0, rows, spent),
            backwards=answer.backwards.index_add(0, rows, slopes),
        )

    def _gradient_near(
        self, problem: Problem, state: State, pixels: Tensor, keys: Tensor, size: float
    ) -> Tensor:
        """The gradient at a noisy neighbour of each row's pixels."""
        near = (pixels + draw_signs(keys, pixels, "near", size) * size).clamp(0, 1)
        slope = self.oracle.slope(problem, state, near, torch.arange(len(near)))
        assert slope is not None
        return slope.gradient

    def _differences(self, problem: Problem, pixels: Tensor, keys: Tensor) -> Tensor:
        """The mean of (margin at +step - margin at -step) times the direction, over directions."""
        total = torch.zeros_like(pixels)
        for direction in range(DIRECTIONS):
            signs = draw_signs(keys, pixels, "direction", direction)
            up, down = (
                problem.goal.margin(self.oracle.logits((pixels + way * STEP * signs).clamp(0, 1)))
                for way in (1, -1)
            )
            total += batch_view(up - down) * signs
        total = total if problem.mask is None else total * problem.mask
        return total / (2 * STEP * DIRECTIONS * pixels[0].numel())
