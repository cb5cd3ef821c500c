"""The training loop: a batch, its loss, a step; after each epoch a measurement, the best kept.

`train` is the whole of it. Training ends when the validation loss has not fallen for as many epochs
as the recipe's patience, when all epochs are done, or when the loss leads nowhere.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Runtime, generator, set_up_runtime
from pasunchat.training.context import (
    TrainContext,
    class_weights,
    new_context,
    refuse_unfit,
    refuse_without_bounds,
)
from pasunchat.training.defences import Defending, at_full_radius
from pasunchat.training.defences.defence import DefendedBatch
from pasunchat.training.failures import sign_of_failure
from pasunchat.training.inputs import Targets, batches, training_sample
from pasunchat.training.recipe import Recipe
from pasunchat.training.robust_validation import RobustValidation, robust_validation
from pasunchat.training.run import Epoch, Run, add_timing, begin_run, write_history
from pasunchat.training.start import begin_from
from pasunchat.training.state import (
    Counters,
    TrainState,
    averaged_weights,
    begin_state,
    finish,
    new_classifier,
    set_lr,
    update_average,
    update_best,
    write_checkpoint,
)

SECONDS_BETWEEN_CHECKPOINTS = 60.0
RAISED = "robust accuracy on validation photos was last higher"
STUCK = 1e-3  # relative change of the loss from one epoch to the next, up to which it has not moved


@dataclass(frozen=True)
class EpochProgress:
    """How far a training is, as its progress callback gets it."""

    epoch: int  # from 1; 0 while a frozen base runs over the photos
    done: int  # photos of this epoch so far
    total: int  # photos of an epoch
    history: tuple[Epoch, ...]  # the epochs measured so far


@dataclass(frozen=True)
class Ending:
    """Why a training ended."""

    reason: str  # a sentence for the user
    good: bool = True  # False where the loss led nowhere


class Measurement(NamedTuple):
    """What a classifier is measured by on N photos."""

    loss: float  # mean cross-entropy in nats
    accuracy: float  # in [0, 1]
    predicted: NDArray[np.int64]  # [N], a class for each photo
    losses: Tensor  # [N], what each photo adds: their mean is the loss


class Interrupted(PasunchatError):
    """Training was asked to stop; its checkpoint is written."""


def train(
    dataset: Dataset,
    recipe: Recipe,
    folder: str | Path,
    *,
    runtime: Runtime | None = None,
    overwrite: bool = False,
    progress: Callable[[EpochProgress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Run:
    """Train by `recipe` on the training photos of `dataset`; leave the run in `folder`.

    Goes on from the folder's checkpoint if there is one: the finished run is then, byte for byte,
    the run that was never interrupted. With `overwrite`, a run in that folder is deleted instead.
    runtime: by default the GPU, or all cores of the CPU.

    Raises PasunchatError for a recipe or dataset that cannot be trained with, and Interrupted as
    soon as `should_stop()`, asked after each step, is true.
    """
    folder, runtime = Path(folder), runtime or set_up_runtime(precision=recipe.precision)
    refuse_unfit(dataset, recipe)  # before anything is written, or an old run deleted
    weights = class_weights(dataset)
    classifier = new_classifier(dataset, recipe, runtime)
    start = None if recipe.start is None else begin_from(classifier, recipe.start)
    refuse_without_bounds(classifier, dataset, recipe)
    run = begin_run(folder, dataset, recipe, runtime, weights, start, overwrite=overwrite)
    context = new_context(
        classifier,
        dataset,
        recipe,
        runtime,
        weights,
        lambda done, total: progress(EpochProgress(0, done, total, ())),
        folder,
    )
    state = begin_state(classifier, context.inputs.module(classifier), recipe, folder)
    counters, saved = state.counters, time.monotonic()
    while counters.ended is None:
        started = time.monotonic()
        for rows in batches(dataset, recipe, counters.epoch, counters.step):
            loss = take_step(state, context, rows)
            counters.add(loss, len(rows))
            progress(_progress(counters, context.photos))
            if not math.isfinite(loss):
                break
            if should_stop():
                write_checkpoint(state, folder)
                raise Interrupted(f"stopped in epoch {counters.epoch + 1}; all work so far is kept")
            if time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
                write_checkpoint(state, folder)
                saved = time.monotonic()
        end_epoch(state, context)
        write_checkpoint(state, folder)
        write_history(folder, counters.history)
        add_timing(folder, epoch=counters.epoch, seconds=time.monotonic() - started)
    return finish(state, run)


def take_step(state: TrainState, context: TrainContext, rows: NDArray[np.int64]) -> float:
    """What is learnt from a batch, rows of the dataset, as one step of the training: one step of
    the optimizer, or as many as a defence wants. Returns the mean loss."""
    recipe, runtime, counters = context.recipe, context.runtime, state.counters
    epoch, step = counters.epoch, counters.step
    inputs, targets = context.inputs.batch(rows, epoch, step)
    set_lr(state, recipe.lr_at(epoch * context.steps + step, context.total_steps))
    state.module.train()
    found = []
    with runtime.seeded(recipe.seed, "step", epoch, step):
        for loss in _losses(state, context, inputs, targets):
            optimise(state, recipe, loss)
            found.append(loss.item())
    return sum(found) / len(found)


def _losses(
    state: TrainState, context: TrainContext, inputs: Tensor, targets: Targets
) -> Iterator[Tensor]:
    """The losses of a batch, each to be minimised before the next is asked for."""
    defence, counters, runtime = context.defence, state.counters, context.runtime
    if defence is None:
        with runtime.autocast():
            logits = state.module(inputs)
        yield context.loss(logits.float(), targets)
        return
    at = counters.epoch * context.steps + counters.step
    radius = torch.full(
        (len(inputs),), defence.radius_at(at, context.total_steps), device=inputs.device
    )
    draw = generator(context.recipe.seed, "defence", counters.epoch, counters.step)
    keys = torch.randint(2**62, (len(inputs),), generator=draw)
    yield from defence.method.losses(
        DefendedBatch(
            state.classifier, runtime, context.loss, inputs, targets, defence.norm, radius, keys
        )
    )


def optimise(state: TrainState, recipe: Recipe, loss: Tensor) -> None:
    """One step of the optimizer along the gradient of a loss."""
    state.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if recipe.clip is not None:
        nn.utils.clip_grad_norm_(state.module.parameters(), recipe.clip)
    state.optimizer.step()
    update_average(state, recipe.ema)


def end_epoch(state: TrainState, context: TrainContext) -> None:
    """Measure the weights, keep them if they are the best so far, and decide whether to end."""
    counters, dataset = state.counters, context.dataset
    if not math.isfinite(counters.loss_sum):
        _end(counters, not_finite(counters))
        return
    with averaged_weights(state):
        training = _measure(state, context, training_sample(dataset, context.recipe.seed))
        validation = _measure(state, context, dataset.rows("validation"))
        robust = _robust_validation(state, context)
        row = Epoch(
            epoch=counters.epoch + 1,
            loss=counters.loss_sum / counters.photos,
            training_loss=training.loss,
            training_accuracy=training.accuracy,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            rise_error=_standard_error(validation.losses, state.lowest_losses),
            robust_accuracy=robust and robust.accuracy,
            one_step_accuracy=robust and robust.one_step,
            attacked_answers=robust and robust.answers,
        )
        if is_best(row, context.defence, context.recipe.epochs, counters.history):
            update_best(state, validation.losses)
            counters.best_epoch, counters.waited = row.epoch, 0
        else:
            counters.waited += 1
    counters.next_epoch(row)
    _end(counters, ending(context.recipe, counters, validation.predicted))


def is_best(row: Epoch, defence: Defending | None, epochs: int, before: Sequence[Epoch]) -> bool:
    """Whether the weights of an epoch of so many are to be kept, rather than those of any before.

    A defence that proves has them kept rather than those of an epoch with a smaller radius: bounds
    have become narrower since, of which the attack that measures robust accuracy sees nothing.
    """
    proves = defence is not None and defence.proves and not row.one_answer
    return all(
        row.is_better_than(old) or (proves and not at_full_radius(old.epoch, epochs))
        for old in before
    )


def ending(recipe: Recipe, counters: Counters, predicted: NDArray[np.int64]) -> Ending | None:
    """Why to end after the epoch just measured; None to go on.

    predicted: the predicted class of each validation photo, int64 [N].
    """
    if recipe.defend is not None and (sign := sign_of_failure(recipe, counters)):
        return Ending(sign, good=False)
    if _is_stuck(counters) and len(np.unique(predicted)) == 1:
        return Ending(
            "the loss has not moved for two epochs and every photo gets the same answer; try "
            "--lr ten times lower, or another --seed",
            good=False,
        )
    if recipe.patience is not None and counters.waited >= recipe.patience:
        last = "validation loss was last lower" if recipe.defend is None else RAISED
        return Ending(
            f"{last} in epoch {counters.best_epoch}; "
            f"stopped after {counters.waited} more (patience {recipe.patience})"
        )
    if counters.epoch >= recipe.epochs:
        return Ending(f"all {recipe.epochs} epochs are done")
    return None


def not_finite(counters: Counters) -> Ending:
    """The ending of a training whose loss became infinite or NaN."""
    kept = f"of epoch {counters.best_epoch}" if counters.best_epoch else "it started with"
    return Ending(
        f"the loss is no longer a finite number in epoch {counters.epoch + 1}; the weights {kept} "
        "are kept; try --lr ten times lower",
        good=False,
    )


def _is_stuck(counters: Counters) -> bool:
    last = [row.loss for row in counters.history[-2:]]
    return len(last) == 2 and abs(last[0] - last[1]) <= STUCK * abs(last[0])


def _end(counters: Counters, why: Ending | None) -> None:
    if why:
        counters.ended, counters.good = why.reason, why.good


def _robust_validation(state: TrainState, context: TrainContext) -> RobustValidation | None:
    """What withstands the recipe's changes; None where it defends against none."""
    if context.defence is None:
        return None
    return robust_validation(
        state.classifier, context.dataset, context.defence, context.runtime, context.recipe.seed
    )


def _measure(state: TrainState, context: TrainContext, rows: NDArray[np.int64]) -> Measurement:
    """Measure the classifier on some rows of the dataset."""
    logits = context.inputs.logits(state.classifier, rows)
    labels = torch.from_numpy(context.dataset.labels[rows])
    predicted = logits.argmax(1)
    device = state.classifier.mean.device
    targets = Targets(labels.to(device))
    loss = context.plain_loss(logits.to(device), targets).item()
    each = context.plain_loss.of_each(logits.to(device), targets).cpu()
    accuracy = (predicted == labels).double().mean().item()
    return Measurement(loss, accuracy, predicted.numpy(), each)


def _standard_error(losses: Tensor, lowest: Tensor | None) -> float | None:
    """Of the mean difference of two losses on the same photos, [N] each; None without a second, or
    where one photo says nothing of chance."""
    if lowest is None or len(losses) < 2:
        return None
    return float((losses - lowest).double().std() / len(losses) ** 0.5)


def _progress(counters: Counters, total: int) -> EpochProgress:
    return EpochProgress(counters.epoch + 1, counters.photos, total, tuple(counters.history))
