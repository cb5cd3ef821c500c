"""The one place that asks a classifier on behalf of an attack."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from pasunchat.attacks.attack import Answer, Ask, Attack, State
from pasunchat.attacks.problem import SURE, Problem
from pasunchat.classifiers.classifier import Classifier

BUCKET = 4


class Oracle:
    """Asks in buckets of rows that are multiples of four, never one alone, so that a row's
    answer is the same bits whatever its company; gives only what the attack may know."""

    def __init__(self, classifier: Classifier, attack: Attack[Any]) -> None:
        self.classifier, self.attack = classifier, attack

    def answer(self, problem: Problem, state: State, ask: Ask) -> Answer:
        """Ask the classifier once about every query of every row.

        Raises PermissionError if a gradient is asked for by an attack that declares it needs
        none.
        """
        wanted = torch.nonzero(ask.gradient).squeeze(1)
        if len(wanted) and self.attack.needs != "gradients":
            raise PermissionError(
                f"an attack that needs {self.attack.needs} may not ask for a gradient"
            )
        rows, queries = ask.pixels.shape[:2]
        loss, gradient, logits = None, None, None
        if len(wanted):
            logits, loss, gradient = self.slope(problem, state, ask.pixels[:, 0], wanted)
        logits = self._scores(ask, logits)
        every = problem.goal.rows(torch.arange(rows).repeat_interleave(queries))
        flat = logits.flatten(0, 1)
        scores = self.attack.needs != "labels"
        return Answer(
            logits=logits if scores else None,
            margin=every.margin(flat).view(rows, queries) if scores else None,
            reached=every.reached(flat, SURE).view(rows, queries),
            loss=loss,
            gradient=gradient,
        )

    def logits(self, pixels: Tensor) -> Tensor:
        """Logits [N, C] of pixels [N, 3, H, W], without gradients."""
        with torch.no_grad():
            logits: Tensor = self.classifier(_bucketed(pixels)).float()
            return logits[: len(pixels)]

    def slope(
        self, problem: Problem, state: State, pixels: Tensor, wanted: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [N, C], the attack's loss [N] or [N, K], and its gradient, at pixels
        [N, 3, H, W]; asked for the wanted rows, zero for the others."""
        some = pixels if len(wanted) == len(pixels) else pixels[wanted]
        asked = _bucketed(some).detach().requires_grad_()
        with torch.enable_grad():
            logits = _spread(self.classifier(asked).float()[: len(some)], wanted, len(pixels))
            loss = self.attack.loss(problem, state, logits)
        gradient = _spread(_gradient(loss, asked)[: len(some)], wanted, len(pixels))
        if problem.mask is not None:
            gradient = gradient * problem.mask
        return logits.detach(), loss.detach(), gradient

    def _scores(self, ask: Ask, known: Tensor | None) -> Tensor:
        """Logits [N, Q, C]; what is known of query 0 is not asked again."""
        rows, queries = ask.pixels.shape[:2]
        if known is not None and queries == 1 and bool(ask.gradient.all()):
            return known[:, None]
        open_ = torch.ones(rows, queries, dtype=torch.bool, device=ask.pixels.device)
        if known is not None:
            open_[:, 0] = ~ask.gradient
        asked = self.logits(ask.pixels[open_])
        logits = asked.new_empty(rows, queries, asked.shape[1])
        logits[open_] = asked
        if known is not None:
            logits[ask.gradient, 0] = known[ask.gradient]
        return logits


def _gradient(loss: Tensor, asked: Tensor) -> Tensor:
    """d loss / d pixels, [N, 3, H, W], or [N, K, 3, H, W] of a loss [N, K]; zero where the network
    does not look at its pixels."""
    if not loss.requires_grad:
        return asked.new_zeros(len(asked), *loss.shape[1:], *asked.shape[1:])
    if loss.ndim == 1:
        (one,) = torch.autograd.grad(loss.sum(), asked)
        return one
    parts = [
        torch.autograd.grad(loss[:, k].sum(), asked, retain_graph=k < loss.shape[1] - 1)[0]
        for k in range(loss.shape[1])
    ]
    return torch.stack(parts, 1)


@contextmanager
def frozen(classifier: Classifier) -> Iterator[None]:
    """The classifier in evaluation mode and without weight gradients, as it was afterwards."""
    training = classifier.training
    wanted = [(p, p.requires_grad) for p in classifier.parameters()]
    classifier.eval().requires_grad_(False)
    try:
        yield
    finally:
        classifier.train(training)
        for parameter, requires in wanted:
            parameter.requires_grad_(requires)


def _bucketed(pixels: Tensor) -> Tensor:
    """The pixels, their last row repeated until there is a multiple of BUCKET."""
    missing = -len(pixels) % BUCKET
    if missing:
        pixels = torch.cat([pixels, pixels[-1:].expand(missing, -1, -1, -1)])
    return pixels.contiguous(memory_format=torch.channels_last)


def _spread(part: Tensor, wanted: Tensor, rows: int) -> Tensor:
    """Some rows' values in their places among `rows`, zero in the others."""
    if len(wanted) == rows:
        return part
    return part.new_zeros(rows, *part.shape[1:]).index_copy(0, wanted, part)
