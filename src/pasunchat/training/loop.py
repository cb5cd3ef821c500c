"""The loop: a batch, its loss, a step; after each epoch a measurement, and the best is kept."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Machine, machine
from pasunchat.training.batches import batches, comparable_rows
from pasunchat.training.recipe import Recipe
from pasunchat.training.run import Epoch, Run, add_timing, write_history
from pasunchat.training.session import Session, begin, checkpoint, finish, keep_best, new_classifier
from pasunchat.training.start import start_run
from pasunchat.training.stopping import Ending, ending, not_finite

SECONDS_BETWEEN_CHECKPOINTS = 60.0


@dataclass(frozen=True)
class EpochProgress:
    """What a training tells as it goes. epoch: the one at hand, from 1. done, total: photos of
    it. history: the epochs measured so far."""

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
    session = begin(classifier, recipe, folder)
    criterion = _cross_entropy(run.facts.class_weights, on)
    at, saved, photos = session.at, time.monotonic(), len(dataset.rows("train"))
    while at.ended is None:
        started = time.monotonic()
        for rows in batches(dataset, recipe, at.epoch, at.step):
            loss = take_step(session, dataset, rows, criterion, on)
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
        _end_epoch(session, dataset, recipe, criterion)
        checkpoint(session, folder)
        write_history(folder, at.history)
        add_timing(folder, epoch=at.epoch, seconds=time.monotonic() - started)
    return finish(session, folder)


def _cross_entropy(class_weights: tuple[float, ...] | None, on: Machine) -> nn.Module:
    weights = None if class_weights is None else torch.tensor(class_weights, device=on.device)
    return nn.CrossEntropyLoss(weight=weights)


def take_step(
    session: Session,
    dataset: Dataset,
    rows: NDArray[np.int64],
    criterion: nn.Module,
    on: Machine,
) -> float:
    """One step of the optimizer on some rows; their loss, times their number."""
    pixels = as_pixels(dataset.pixels[rows], on.device)
    labels = torch.from_numpy(dataset.labels[rows]).to(on.device)
    with on.autocast():
        logits = session.classifier(pixels)
    loss: Tensor = criterion(logits.float(), labels)
    session.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    session.optimizer.step()
    return loss.item() * len(rows)


def _end_epoch(session: Session, dataset: Dataset, recipe: Recipe, criterion: nn.Module) -> None:
    """Measure, keep the best weights, and decide whether to end."""
    at = session.at
    if not math.isfinite(at.total):
        _end(session, not_finite(at))
        return
    measured = comparable_rows(dataset, recipe.seed), dataset.rows("validation")
    (ours, _), (theirs, answers) = (
        _measure(session.classifier, dataset, rows, criterion) for rows in measured
    )
    row = Epoch(at.epoch + 1, at.total / at.seen, *ours, *theirs)
    if all(row.validation_loss < old.validation_loss for old in at.history):
        keep_best(session)
        at.best_epoch, at.waited = row.epoch, 0
    else:
        at.waited += 1
    at.history.append(row)
    at.epoch, at.step, at.seen, at.total = at.epoch + 1, 0, 0, 0.0
    _end(session, ending(recipe, at, answers))


def _end(session: Session, why: Ending | None) -> None:
    if why:
        session.at.ended, session.at.good = why.reason, why.good


def _measure(
    classifier: Classifier, dataset: Dataset, rows: NDArray[np.int64], criterion: nn.Module
) -> tuple[tuple[float, float], NDArray[np.int64]]:
    """Loss and accuracy on some photos, and the class answered for each."""
    device = classifier.mean.device
    logits = classifier.logits(dataset.pixels, rows)
    labels = torch.from_numpy(dataset.labels[rows])
    loss = criterion(logits.to(device), labels.to(device)).item()
    answers = logits.argmax(1)
    return (loss, (answers == labels).double().mean().item()), answers.numpy()
