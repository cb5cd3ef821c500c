"""Checks whether attacks on a classifier can be believed: AutoAttack's warnings, and one more.

Croce and Hein 2020 (arXiv:2003.01690 and its code) warn of random outputs, of probabilities where
logits are meant, of gradients that are zero, of a classifier that uses gradients when it is asked,
and of a search without gradients that finds what gradients do not. Each check that finds something
becomes a sentence, and names the heading in docs/warnings.md that says what to do.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import log
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pasunchat.attacks.find import find
from pasunchat.attacks.methods.gradient_steps import GradientSteps
from pasunchat.attacks.methods.square import Square
from pasunchat.attacks.oracle import NoGradientError, attack_mode
from pasunchat.attacks.problem import TIE, Goal, Problem
from pasunchat.attacks.search import SearchTask, first_answers
from pasunchat.classifiers.classifier import Classifier, with_noise
from pasunchat.classifiers.company import Company
from pasunchat.classifiers.heads import SMALLEST
from pasunchat.classifiers.modes import buffers_kept, ordinary, outside_inference_mode
from pasunchat.draws import keys_for
from pasunchat.norms import LINF, Norm

ROUNDED = 0.1  # of a logarithm: so near to the least one there is, its probability is 0
LEVELS_APART = 1e-4  # of the largest logit: further apart, two answers to one question are random
ASKED = 3  # times, about the same photos: do the answers agree?
GRADIENT_STEPS = GradientSteps(steps=10, random=False)


@dataclass(frozen=True)
class Check:
    """A reason to doubt. name: a word for it. sentence: what was found on these photos. heading:
    where docs/warnings.md says more."""

    name: str
    sentence: str
    heading: str


def checks(
    classifier: Classifier,
    pixels: Tensor,
    goal: Goal,
    *,
    norm: Norm = LINF,
    radius: float = 8 / 255,
    queries: int = 200,
) -> tuple[Check, ...]:
    """What speaks against believing attacks on this classifier; nothing where all is well.

    pixels: a few photos, float [N, 3, H, W] in [0, 1]. goal: what the attacks are to reach. norm,
    radius, queries: of the short search without gradients that is compared with one with them.
    The classifier is left as it was.
    """
    with outside_inference_mode(), buffers_kept(classifier):
        found = [_training_mode(classifier), _company(classifier, pixels)]
        pixels = ordinary(pixels.detach())
        goal = replace(goal.to(pixels.device), classes=ordinary(goal.classes.to(pixels.device)))
        radii = pixels.new_full((len(pixels),), radius)
        problem = Problem(pixels, goal, norm, None, radii)
        rows = torch.arange(len(pixels))
        task = SearchTask(classifier, problem, keys_for(rows, "checks"), rows)
        with attack_mode(classifier):
            answers = _answers(classifier, pixels)
            found += [
                _random(answers),
                _probabilities(classifier, answers[0]),
                _asks_for_gradients(classifier, pixels),
            ]
        found += _of_gradients(task, queries)
    return tuple(check for check in found if check is not None)


def _training_mode(classifier: Classifier) -> Check | None:
    modes = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
    moody = sum(isinstance(part, modes) and part.training for part in classifier.modules())
    if not moody:
        return None
    return Check(
        "training-mode",
        f"{moody} layers (dropout or batch norm) are in training mode; attacks switch them to "
        "evaluation, so what they say is of the classifier after eval()",
        "A classifier in training mode",
    )


def _company(classifier: Classifier, pixels: Tensor) -> Check | None:
    classifier.find_company(with_noise(pixels[:1]))
    if classifier.company is not Company.OTHER:
        return None
    return Check(
        "company",
        "the answer to a photo depends on the photos beside it; each is asked alone here, and a "
        "batch gets other answers: put batch norm into evaluation before you export",
        "Answers that depend on the company",
    )


def _answers(classifier: Classifier, pixels: Tensor) -> list[Tensor]:
    """The logits [N, C] of the same photos, asked `ASKED` times."""
    with torch.no_grad():
        return [classifier(pixels).float() for _ in range(ASKED)]


def _random(answers: list[Tensor]) -> Check | None:
    first, *others = answers
    apart = max(float((first - other).abs().max()) for other in others)
    if apart <= LEVELS_APART * float(first.abs().max()):
        return None
    return Check(
        "random-output",
        f"the same photos give other logits each time (up to {apart:.3g} apart); an attack that "
        "asks once may follow chance: average the classifier over its draws first",
        "Outputs that are random",
    )


def _probabilities(classifier: Classifier, answers: Tensor) -> Check | None:
    """On how many photos a probability is rounded to 0 or 1, so that its logarithm has no
    gradient."""
    adapter = classifier.adapter
    if adapter is None or not adapter.head.is_logarithm:
        return None
    rounded = (answers.detach() <= log(SMALLEST) + ROUNDED).any(1)
    if not rounded.any():
        return None
    return Check(
        "probabilities",
        f"the network gives probabilities, and for {int(rounded.sum())} of {len(answers)} photos "
        "they are rounded to 0 or 1, where no gradient is left: leave its softmax or sigmoid out",
        "Probabilities instead of logits",
    )


class _GradientsSeen(TorchFunctionMode):
    """Whether any function of torch was called with gradients switched on."""

    seen = False

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        self.seen = self.seen or torch.is_grad_enabled()
        return func(*args, **(kwargs or {}))


def _asks_for_gradients(classifier: Classifier, pixels: Tensor) -> Check | None:
    with torch.no_grad(), _GradientsSeen() as mode:
        classifier(pixels[:1])
    if not mode.seen:
        return None
    return Check(
        "gradients-inside",
        "the classifier computes gradients of its own when it is asked; attacks see only what it "
        "answers: attack it as a whole with an attack that is made for it",
        "Gradients at inference",
    )


def _of_gradients(task: SearchTask, queries: int) -> list[Check | None]:
    """What is said of the gradients: that there are none, or of how many photos, and whether a
    search without them does better."""
    try:
        return [_no_gradient(task), _better_without(task, queries)]
    except NoGradientError as error:
        return [Check("no-gradient", str(error), "No gradient comes back")]


def _no_gradient(task: SearchTask) -> Check | None:
    """How many photos have a margin that does not change with any pixel."""
    flat = 0
    for _, answer in first_answers(GRADIENT_STEPS, task):
        flat += int((~answer.has_gradient).sum())
    if not flat:
        return None
    return Check(
        "zero-gradient",
        f"{flat} of {len(task.rows)} photos have no gradient at all; attacks by gradients look "
        "around for one, and may find nothing where there is something: try one by scores",
        "Gradients that are zero",
    )


def _better_without(task: SearchTask, queries: int) -> Check | None:
    """On how many photos Square gains more margin than steps along the gradient."""
    if task.problem.norm.name not in Square.info.norms:
        return None
    square = find(Square(queries=queries), task)
    steps = find(GRADIENT_STEPS, task)
    reached = square.distance.isfinite()
    gained = square.margin - steps.margin
    better = steps.distance.isinf() & (reached | (gained > TIE * steps.margin.abs()))
    if not better.any():
        return None
    return Check(
        "better-without-gradients",
        f"on {int(better.sum())} of {len(task.rows)} photos {queries} random squares come nearer "
        f"to the goal than {GRADIENT_STEPS.steps} gradients; the gradients are masked, so an "
        "attack by gradients says too little: try Square and HopSkipJump",
        "Squares that beat gradients",
    )
