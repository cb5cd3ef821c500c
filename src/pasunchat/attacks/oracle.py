"""The one place that asks a classifier on behalf of an attack."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from pasunchat.attacks.attack import Answer, Ask, Attack
from pasunchat.attacks.problem import Problem
from pasunchat.classifiers.classifier import Classifier

BUCKET = 4


class Oracle:
    """Asks in buckets of rows that are multiples of four, never one alone, so that a row's
    answer is the same bits whatever its company; gives only what the attack may know."""

    def __init__(self, classifier: Classifier, attack: Attack[Any]) -> None:
        self.classifier, self.attack = classifier, attack

    def answer(self, problem: Problem, ask: Ask) -> Answer:
        """Ask the classifier once about every query of every row.

        Raises PermissionError if a gradient is asked for by an attack that declares it needs
        none.
        """
        wants = bool(ask.gradient.any())
        if wants and self.attack.needs != "gradients":
            raise PermissionError(
                f"an attack that needs {self.attack.needs} may not ask for a gradient"
            )
        rows, queries = ask.pixels.shape[:2]
        logits, loss, gradient = self._ask(problem, ask.pixels, wants)
        goal = problem.goal.rows(torch.arange(rows).repeat_interleave(queries))
        flat = logits.flatten(0, 1)
        scores = self.attack.needs != "labels"
        return Answer(
            logits=logits if scores else None,
            margin=goal.margin(flat).view(rows, queries) if scores else None,
            reached=goal.reached(flat).view(rows, queries),
            loss=loss,
            gradient=gradient,
        )

    def _ask(
        self, problem: Problem, pixels: Tensor, wants: bool
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        rows, queries = pixels.shape[:2]
        filled = _filled(torch.arange(rows))
        whole = problem.rows(filled)
        flat = pixels[filled].flatten(0, 1).contiguous(memory_format=torch.channels_last)
        with torch.set_grad_enabled(wants):
            flat.requires_grad_(wants)
            logits = self.classifier(flat).float().reshape(len(filled), queries, -1)
            if not wants:
                return logits[:rows], None, None
            loss = self.attack.loss(whole, logits[:, 0])
            (gradient,) = torch.autograd.grad(loss.sum(), flat)
        gradient = gradient.reshape(len(filled), queries, *flat.shape[1:])[:rows, 0]
        return logits[:rows].detach(), loss[:rows].detach(), gradient


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


def _filled(rows: Tensor) -> Tensor:
    """Row numbers, the last repeated until there is a multiple of BUCKET."""
    missing = -len(rows) % BUCKET
    return torch.cat([rows, rows[-1:].expand(missing)])
