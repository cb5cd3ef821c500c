"""The one place that queries a classifier on behalf of an attack.

It counts what an answer costs, and gives an attack only what the attack says that it needs. Another
oracle around it estimates gradients that are 0.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pasunchat.attacks.problem import SURE, Problem
from pasunchat.attacks.protocol import Answer, Attack, Query, State, Views, take
from pasunchat.attacks.watch import Heard, unheard
from pasunchat.classifiers.classifier import Classifier, cannot_run
from pasunchat.classifiers.modes import evaluating, frozen, ordinary_weights, outside_inference_mode
from pasunchat.classifiers.outputs import in_one_line
from pasunchat.draws import draw_signs
from pasunchat.errors import PasunchatError
from pasunchat.norms import batch_view
from pasunchat.runtime import full_precision, generator

NOISE = (1 / 255, 4 / 255, 16 / 255)  # of the neighbours
DIRECTIONS, STEP = 16, 8 / 255  # of the differences
UNREGISTERED = "an autograd kernel was not registered"  # torch's warning of a wrong gradient
LOOKS = 16  # pictures of noise that tell a network without gradient from a constant one
STRIDE = 16  # whether a gradient is 0 is seen on every 16th row of the picture first


class NoGradientError(PasunchatError):
    """No gradient comes back through a network; attacks by gradients say nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"no gradient comes back through this network: {reason}; take an attack that needs "
            "none: square (inside a radius) or hop-skip-jump"
        )


class Slope(NamedTuple):
    """Logits, loss and gradient at some pixels."""

    logits: Tensor | None  # [N, C], at the pixels themselves; None where only views were asked
    loss: Tensor  # [N] or [N, K]
    gradient: Tensor  # [N, 3, H, W] or [N, K, 3, H, W]
    by_view: Tensor | None  # [N, V, 3, H, W]


class Oracle:
    """Queries a classifier for one attack."""

    def __init__(self, classifier: Classifier, attack: Attack[Any], heard: Heard = unheard) -> None:
        self.classifier, self.attack, self.heard = classifier, attack, heard

    def answer(self, problem: Problem, state: State, query: Query, wanted: Tensor) -> Answer:
        """Ask about every picture of a query.

        wanted: bool [N], on the CPU, the rows that want a gradient. Raises PermissionError if there
        are any and the attack states that it needs none.
        """
        rows, pictures = query.pixels.shape[:2]
        chosen = torch.nonzero(wanted).squeeze(1)
        if len(chosen) and self.attack.info.needs != "gradients":
            raise PermissionError(
                f"an attack that needs {self.attack.info.needs} may not ask for a gradient"
            )
        slope = self.slope(problem, state, query.pixels[:, 0], chosen, query.views)
        known = None if slope is None else slope.logits
        logits = self._all_logits(query.pixels, wanted if known is not None else None, known)
        self.heard(problem, query.pixels, logits)
        margin, reached = _judged(problem, logits)
        scores = self.attack.info.needs != "labels"
        losses = slope.loss.shape[1] if slope is not None and slope.loss.ndim == 2 else 1
        views = query.views.number if query.views else 0
        return Answer(
            logits=logits if scores else None,
            margin=margin if scores else None,
            reached=reached,
            loss=None if slope is None else slope.loss,
            gradient=None if slope is None else slope.gradient,
            view_gradients=None if slope is None else slope.by_view,
            has_gradient=wanted if slope is None else wanted & ~is_zero(slope.gradient),
            forwards=torch.full((rows,), pictures) + wanted * views,
            backwards=wanted * losses * max(views, 1),
        )

    def logits(self, pixels: Tensor) -> Tensor:
        """Logits [N, C] of pixels [N, 3, H, W], without gradients."""
        with torch.no_grad():
            return self._forward(pixels)

    def slope(
        self,
        problem: Problem,
        state: State,
        pixels: Tensor,
        rows: Tensor,
        views: Views | None = None,
    ) -> Slope | None:
        """Loss and gradient at pixels [N, 3, H, W], asked for some rows, int64 [M], and 0 for the
        others; None where there are none."""
        if not len(rows):
            return None
        count, rows = len(pixels), rows.to(pixels.device)
        some = pixels if len(rows) == count else pixels[rows]

        def once(view: int | None) -> tuple[Tensor, Tensor, Tensor]:
            leaf = some.contiguous(memory_format=torch.channels_last).detach().requires_grad_()
            with torch.enable_grad():
                shown = leaf
                if views is not None and view is not None:
                    part = problem.rows(rows)
                    shown = views.view(part, take(state, rows), leaf, view)
                logits = _spread(self._forward(shown), rows, count)
                loss = self.attack.loss(problem, state, logits)
                of_loss = _gradient(loss, leaf)
            if of_loss is None:
                self._refuse_hidden(leaf.detach())
                of_loss = leaf.new_zeros(len(leaf), *loss.shape[1:], *leaf.shape[1:])
            gradient = _spread(of_loss, rows, count)
            gradient = gradient if problem.mask is None else _masked(gradient, problem.mask)
            return logits.detach(), loss.detach(), gradient

        if views is None:
            return Slope(*once(None), None)
        losses, gradients = zip(*(once(view)[1:] for view in range(views.number)), strict=True)
        by_view = torch.stack(gradients, 1)
        return Slope(None, torch.stack(losses).mean(0), by_view.mean(1), by_view)

    def _forward(self, pixels: Tensor) -> Tensor:
        with in_one_line(f"{self.classifier.known_as} {cannot_run(pixels)}"):
            logits: Tensor = self.classifier(pixels.contiguous(memory_format=torch.channels_last))
        return logits.float()

    def _refuse_hidden(self, pixels: Tensor) -> None:
        """Raise NoGradientError where autograd sees no way back from the logits to the pixels
        although other pixels get other logits; a network that does not look has the gradient 0."""
        noise = torch.rand(LOOKS, *pixels.shape[1:], generator=generator("look")).to(pixels)
        asked = self.logits(torch.cat([pixels, noise]))
        if bool((asked != asked[:1]).any()):
            raise NoGradientError("its numbers are detached or made whole on their way")

    def _all_logits(self, pixels: Tensor, asked: Tensor | None, known: Tensor | None) -> Tensor:
        """Logits [N, Q, C] of pixels [N, Q, 3, H, W]. known: [N, C], of picture 0 of the rows
        `asked`, bool [N] on the CPU; those are not asked again."""
        rows, pictures = pixels.shape[:2]
        if asked is None or known is None:
            return self.logits(pixels.flatten(0, 1)).view(rows, pictures, -1)
        if pictures == 1 and bool(asked.all()):
            return known[:, None]
        open_ = torch.ones(rows, pictures, dtype=torch.bool)
        open_[:, 0] = ~asked
        where = torch.nonzero(open_.flatten()).squeeze(1).to(pixels.device)
        fresh = self.logits(pixels.flatten(0, 1)[where])
        logits = fresh.new_zeros(rows, pictures, fresh.shape[1])
        logits[:, 0] = known
        logits.flatten(0, 1)[where] = fresh
        return logits


class EstimatingOracle:
    """An oracle around the oracle: where the gradient is 0 and the goal is not reached, it finds
    out what the margin does around the pixels.

    A network may be flat where the photo is and not a step away (saturated units), or flat almost
    everywhere (numbers rounded inside it). First the gradient at noisy neighbours is asked for,
    with ever larger noise; then differences of the margin along random directions stand for it
    (Spall 1992, simultaneous perturbation). Where a loss is at its optimum its gradient is rightly
    0.
    """

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


def is_zero(gradient: Tensor) -> Tensor:
    """Whether a row's gradient is 0 everywhere, bool [N], on the CPU."""
    zero = ~gradient[..., ::STRIDE, :].flatten(1).any(1)
    rows = torch.nonzero(zero).squeeze(1)
    if len(rows):
        zero[rows] = ~gradient[rows].flatten(1).any(1)
    return zero.cpu()


@contextmanager
def attack_mode(classifier: Classifier) -> Iterator[None]:
    """The classifier in evaluation mode, in fp32, without weight gradients and outside inference
    mode; afterwards as it was. That torch knows a gradient to be wrong is an error."""
    with (
        evaluating(classifier),
        frozen(classifier),
        outside_inference_mode(),
        ordinary_weights(classifier),
        full_precision(),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("error", f".*{UNREGISTERED}")
        yield


def _judged(problem: Problem, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Margin [N, Q] and whether it is reached, bool [N, Q], of logits [N, Q, C]."""
    rows, pictures = logits.shape[:2]
    goal, flat = problem.goal, logits.flatten(0, 1)
    if pictures > 1:
        goal = goal.rows(torch.arange(rows).repeat_interleave(pictures))
    margin, border = goal.margin(flat), SURE * goal.size(flat)
    reached = margin > border
    # a tie is short of the goal: no attack is to see a margin of 0
    margin = torch.where(reached, margin, margin.minimum(-border))
    return margin.view(rows, pictures), reached.view(rows, pictures)


def _gradient(loss: Tensor, pixels: Tensor) -> Tensor | None:
    """d loss / d pixels, [N, 3, H, W], or [N, K, 3, H, W] of a loss [N, K]; None where no part of
    it leads back to the pixels. Raises NoGradientError where an operation has no derivative."""
    if not loss.requires_grad:
        return None
    columns = loss.unbind(1) if loss.ndim == 2 else (loss,)
    parts: list[Tensor | None] = []
    for left, column in zip(range(len(columns), 0, -1), columns, strict=True):
        try:
            parts += torch.autograd.grad(
                column.sum(), pixels, retain_graph=left > 1, allow_unused=True
            )
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, UserWarning) as error:
            said = "an operation in it has no derivative (of quantised numbers?)"
            other = " ".join(str(error).split())[:200]
            raise NoGradientError(said if UNREGISTERED in other else other) from error
    if all(part is None for part in parts):
        return None
    filled = [torch.zeros_like(pixels) if part is None else part for part in parts]
    return torch.stack(filled, 1) if loss.ndim == 2 else filled[0]


def _masked(gradient: Tensor, mask: Tensor) -> Tensor:
    return gradient * (mask if gradient.ndim == mask.ndim else mask[:, None])


def _spread(part: Tensor, rows: Tensor, count: int) -> Tensor:
    """Some rows' values in their places among `count`, 0 in the others."""
    if len(rows) == count:
        return part
    return part.new_zeros(count, *part.shape[1:]).index_copy(0, rows, part)
