"""The loop: a batch, its loss, a step; after each epoch a measurement, and the best is kept."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Machine, machine
from pasunchat.training.batches import batches, comparable_rows
from pasunchat.training.inputs import Wanted
from pasunchat.training.lesson import Lesson, new_lesson
from pasunchat.training.recipe import Recipe
from pasunchat.training.run import Epoch, Run, add_timing, write_history
from pasunchat.training.schedule import rate
from pasunchat.training.session import (
    Session,
    begin,
    checkpoint,
    finish,
    follow,
    keep_best,
    measured_weights,
    new_classifier,
    set_rate,
)
from pasunchat.training.start import start_run
from pasunchat.training.stopping import Ending, ending, not_finite

SECONDS_BETWEEN_CHECKPOINTS = 60.0


@dataclass(frozen=True)
class EpochProgress:
    """What a training tells as it goes. epoch: the one at hand, from 1; 0 while a frozen base
    runs over the photos. done, total: photos of it. history: the epochs measured so far."""

    epoch: int
    done: int
    total: int
    history: tuple[Epoch, ...]


class Interrupted(PasunchatError):
    """Training was asked to stop; its checkpoint is written."""


def train(
    dataset: Dataset,
    recipe: Recipe,
    folder: str | Path,
    *,
    on: Machine | None = None,
    progress: Callable[[EpochProgress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Run:
    """Train by `recipe` on the training photos of `dataset`; leave the run in `folder`.

    Goes on from the folder's checkpoint if there is one: the finished run is then, byte for
    byte, the run that was never interrupted. on: by default the GPU, or all cores of the CPU.
    Raises Interrupted after `should_stop()` is true.
    """
    folder, on = Path(folder), on or machine(precision=recipe.precision)
    classifier = new_classifier(dataset, recipe, on)
    run = start_run(dataset, recipe, folder, on)
    lesson = new_lesson(
        classifier,
        dataset,
        recipe,
        run.facts.class_weights,
        on,
        lambda done, total: progress(EpochProgress(0, done, total, ())),
    )
    session = begin(classifier, lesson.inputs.learner(classifier), recipe, folder)
    at, saved, photos = session.at, time.monotonic(), len(dataset.rows("train"))
    while at.ended is None:
        started = time.monotonic()
        for rows in batches(dataset, recipe, at.epoch, at.step):
            loss = take_step(session, lesson, rows)
            at.step, at.seen, at.total = at.step + 1, at.seen + len(rows), at.total + loss
            progress(EpochProgress(at.epoch + 1, at.seen, photos, tuple(at.history)))
            if not math.isfinite(loss):
                break
            if should_stop():
                checkpoint(session, folder)
                raise Interrupted(f"stopped in epoch {at.epoch + 1}; all that was done is kept")
            if time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
                checkpoint(session, folder)
                saved = time.monotonic()
        _end_epoch(session, dataset, lesson)
        checkpoint(session, folder)
        write_history(folder, at.history)
        add_timing(folder, epoch=at.epoch, seconds=time.monotonic() - started)
    return finish(session, folder)


def take_step(session: Session, lesson: Lesson, rows: NDArray[np.int64]) -> float:
    """One step of the optimizer on some rows; their loss, times their number."""
    at, recipe = session.at, lesson.recipe
    inputs, wanted = lesson.inputs.batch(rows, at.epoch, at.step)
    set_rate(session, recipe.lr * rate(recipe, at.epoch * lesson.steps + at.step, lesson.all_steps))
    session.learner.train()
    with lesson.on.autocast(), lesson.on.drawing_from(recipe.seed, "step", at.epoch, at.step):
        logits = session.learner(inputs)
    loss = lesson.loss(logits.float(), wanted)
    session.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if recipe.clip is not None:
        nn.utils.clip_grad_norm_(session.learner.parameters(), recipe.clip)
    session.optimizer.step()
    follow(session, recipe.ema)
    return loss.item() * len(rows)


def _end_epoch(session: Session, dataset: Dataset, lesson: Lesson) -> None:
    """Measure, keep the best weights, and decide whether to end."""
    at = session.at
    if not math.isfinite(at.total):
        _end(session, not_finite(at))
        return
    with measured_weights(session):
        (ours, _), (theirs, answers) = (
            _measure(session.classifier, dataset, lesson, rows)
            for rows in (comparable_rows(dataset, lesson.recipe.seed), dataset.rows("validation"))
        )
        row = Epoch(at.epoch + 1, at.total / at.seen, *ours, *theirs)
        if all(row.validation_loss < old.validation_loss for old in at.history):
            keep_best(session)
            at.best_epoch, at.waited = row.epoch, 0
        else:
            at.waited += 1
    at.history.append(row)
    at.epoch, at.step, at.seen, at.total = at.epoch + 1, 0, 0, 0.0
    _end(session, ending(lesson.recipe, at, answers))


def _end(session: Session, why: Ending | None) -> None:
    if why:
        session.at.ended, session.at.good = why.reason, why.good


def _measure(
    classifier: Classifier, dataset: Dataset, lesson: Lesson, rows: NDArray[np.int64]
) -> tuple[tuple[float, float], NDArray[np.int64]]:
    """Loss and accuracy on some photos, and the class answered for each."""
    device = classifier.mean.device
    logits = lesson.inputs.logits(classifier, rows)
    labels = torch.from_numpy(dataset.labels[rows])
    answers = logits.argmax(1)
    found = lesson.plain_loss(logits.to(device), Wanted(labels.to(device))).item()
    return (found, (answers == labels).double().mean().item()), answers.numpy()
