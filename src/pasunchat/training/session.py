"""The moving parts of a training: started, kept in a checkpoint, taken up again, finished."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.files import save
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Machine
from pasunchat.training.recipe import Recipe
from pasunchat.training.run import (
    CHECKPOINT,
    Counters,
    Run,
    open_run,
    read_checkpoint,
    write_checkpoint,
    write_history,
    write_run,
)

KERAS_EPSILON = 1e-7


@dataclass
class Session:
    """Weights and their optimizer, the best weights so far, and where the training stands."""

    classifier: Classifier
    optimizer: torch.optim.Optimizer
    best: dict[str, Tensor]
    at: Counters


def new_classifier(dataset: Dataset, recipe: Recipe, machine: Machine) -> Classifier:
    """The recipe's network, untrained, for the dataset's classes, size and framing."""
    return build(
        recipe.network,
        classes=dataset.classes,
        size=dataset.size,
        framing=dataset.framing,
        decode=dataset.decode,
        seed=recipe.seed,
        trained_on=dataset.digest,
    ).to(machine.device)


def begin(classifier: Classifier, recipe: Recipe, folder: Path) -> Session:
    """A new session, or the one that the folder's checkpoint holds."""
    optimizer = torch.optim.Adam(
        classifier.parameters(), lr=recipe.lr, eps=KERAS_EPSILON, fused=True
    )
    session = Session(classifier, optimizer, _copy(classifier), Counters())
    found = read_checkpoint(folder)
    if found:
        _restore(session, *found)
    return session


def keep_best(session: Session) -> None:
    """Remember the weights as they are now."""
    session.best = _copy(session.classifier)


def checkpoint(session: Session, folder: Path) -> None:
    """Write all that going on needs."""
    tensors = {f"now.{name}": value for name, value in _copy(session.classifier).items()}
    tensors |= {f"best.{name}": value for name, value in session.best.items()}
    for index, numbers in session.optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{name}": value for name, value in numbers.items()}
    write_checkpoint(folder, tensors, session.at)


def finish(session: Session, folder: Path) -> Run:
    """Put the best weights in, save the classifier and how it ended, drop the checkpoint."""
    at, run = session.at, open_run(folder)
    session.classifier.network.load_state_dict(session.best)
    save(session.classifier.cpu(), folder)
    write_history(folder, at.history)
    facts = replace(run.facts, best_epoch=at.best_epoch, ended=at.ended, good=at.good)
    write_run(folder, run.recipe, facts)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return open_run(folder)


def _copy(classifier: Classifier) -> dict[str, Tensor]:
    weights = classifier.network.state_dict()
    return {name: value.detach().clone() for name, value in weights.items()}


def _restore(session: Session, tensors: dict[str, Tensor], at: Counters) -> None:
    session.at = at
    session.classifier.network.load_state_dict(_under(tensors, "now."))
    session.best = _under(tensors, "best.")
    weights = list(session.classifier.parameters())
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _under(tensors, "adam.").items():
        index, _, key = name.partition(".")
        moments.setdefault(int(index), {})[key] = _laid_out_as(weights[int(index)], value)
    plan = session.optimizer.state_dict()["param_groups"]
    session.optimizer.load_state_dict({"state": moments, "param_groups": plan})


def _laid_out_as(weight: Tensor, moment: Tensor) -> Tensor:
    """The fused Adam walks a weight and its moments side by side in memory."""
    return torch.empty_like(weight).copy_(moment) if moment.shape == weight.shape else moment


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    found = {name: value for name, value in tensors.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): value for name, value in found.items()}
