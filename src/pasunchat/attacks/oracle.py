"""The one place that asks a classifier on behalf of an attack."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from pasunchat.attacks.problem import SURE, Problem
from pasunchat.attacks.protocol import Answer, Ask, Attack, State
from pasunchat.classifiers.classifier import Classifier
from pasunchat.runtime import full_precision

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
        on_host = ask.gradient.cpu()
        wanted = torch.nonzero(on_host).squeeze(1)
        if len(wanted) and self.attack.needs != "gradients":
            raise PermissionError(
                f"an attack that needs {self.attack.needs} may not ask for a gradient"
            )
        rows, queries = ask.pixels.shape[:2]
        loss, gradient, logits = None, None, None
        if len(wanted):
            logits, loss, gradient = self.slope(problem, state, ask.pixels[:, 0], wanted)
        logits = self._scores(ask.pixels, on_host, logits)
        goal = problem.goal
        every = goal.rows(torch.arange(rows).repeat_interleave(queries)) if queries > 1 else goal
        flat = logits.flatten(0, 1)
        margin, border = every.margin(flat), SURE * every.size(flat)
        reached = margin > border
        # a tie is short of the goal, and says so: an attack is never told that nothing is missing
        margin = torch.where(reached, margin, margin.minimum(-border))
        scores = self.attack.needs != "labels"
        return Answer(
            logits=logits if scores else None,
            margin=margin.view(rows, queries) if scores else None,
            reached=reached.view(rows, queries),
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
        wanted = wanted.to(pixels.device)
        some = pixels if len(wanted) == len(pixels) else pixels[wanted]
        asked = _bucketed(some).detach().requires_grad_()
        with torch.enable_grad():
            logits = _spread(self.classifier(asked).float()[: len(some)], wanted, len(pixels))
            loss = self.attack.loss(problem, state, logits)
        gradient = _spread(_gradient(loss, asked)[: len(some)], wanted, len(pixels))
        if problem.mask is not None:
            gradient = gradient * problem.mask
        return logits.detach(), loss.detach(), gradient

    def _scores(self, pixels: Tensor, slopes: Tensor, known: Tensor | None) -> Tensor:
        """Logits [N, Q, C] of pixels [N, Q, 3, H, W]. known: [N, C], of query 0 of the rows whose
        slope was asked, bool [N] on the CPU; it is not asked again."""
        rows, queries = pixels.shape[:2]
        if known is not None and queries == 1 and bool(slopes.all()):
            return known[:, None]
        open_ = torch.ones(rows, queries, dtype=torch.bool)
        if known is not None:
            open_[:, 0] = ~slopes
        where = torch.nonzero(open_.flatten()).squeeze(1).to(pixels.device)
        asked = self.logits(pixels.flatten(0, 1)[where])
        logits = asked.new_zeros(rows, queries, asked.shape[1])
        if known is not None:
            logits[:, 0] = known
        logits.flatten(0, 1)[where] = asked
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
    """The classifier in evaluation mode, in fp32 and without weight gradients; afterwards as it
    was."""
    training = classifier.training
    wanted = [(p, p.requires_grad) for p in classifier.parameters()]
    classifier.eval().requires_grad_(False)
    try:
        with full_precision():
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
