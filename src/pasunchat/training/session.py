"""The moving parts of a training: started, kept in a checkpoint, taken up again, finished."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from pasunchat.classifiers.build import build, is_pretrained
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.files import save
from pasunchat.classifiers.networks.base_and_head import BaseAndHead
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
Weights = dict[str, Tensor]


@dataclass
class Session:
    """The classifier and the part of it that learns; the optimizer, the running mean of the
    weights where the recipe wants one, the best so far, and where the training stands."""

    classifier: Classifier
    learner: nn.Module
    optimizer: torch.optim.Optimizer
    average: Weights | None
    best: Weights
    at: Counters


def new_classifier(dataset: Dataset, recipe: Recipe, machine: Machine) -> Classifier:
    """The recipe's network, untrained, for the dataset's classes, size and framing.

    Of a pretrained base, so many parts are set to be trained as the recipe says.
    """
    classifier = build(
        recipe.network,
        classes=dataset.classes,
        size=dataset.size,
        framing=dataset.framing,
        decode=dataset.decode,
        seed=recipe.seed,
        mirrored=recipe.mirrored,
        trained_on=dataset.digest,
    ).to(machine.device)
    if isinstance(classifier.network, BaseAndHead) and is_pretrained(recipe.network):
        classifier.network.train_base(None if recipe.unfreeze == "all" else recipe.unfreeze)
    return classifier


def begin(classifier: Classifier, learner: nn.Module, recipe: Recipe, folder: Path) -> Session:
    """A new session in which `learner`, the classifier or a part of it, is trained; or the one
    that the folder's checkpoint holds."""
    optimizer = torch.optim.AdamW(
        _groups(classifier, learner, recipe),
        lr=recipe.lr,
        betas=recipe.betas,
        eps=KERAS_EPSILON,
        fused=True,
    )
    average = None if recipe.ema is None else _copy(learner)
    session = Session(classifier, learner, optimizer, average, _copy(learner), Counters())
    found = read_checkpoint(folder)
    if found:
        _restore(session, *found)
    return session


def set_rate(session: Session, lr: float) -> None:
    """The optimizer's step size from now on."""
    for group in session.optimizer.param_groups:
        group["lr"] = lr * group["share"]


def follow(session: Session, ema: float | None) -> None:
    """Move the running mean of the weights after a step (Polyak and Juditsky 1992).

    While it is young it follows faster: after k steps it keeps at most k/(k+10).
    """
    if session.average is None or ema is None:
        return
    session.at.steps += 1
    keep = min(ema, session.at.steps / (session.at.steps + 10))
    now = session.learner.state_dict()
    moving = [name for name, value in now.items() if value.is_floating_point()]
    with torch.no_grad():
        get_ema_multi_avg_fn(keep)(  # type: ignore[no-untyped-call]
            [session.average[name] for name in moving], [now[name] for name in moving], None
        )
    for name in now.keys() - set(moving):
        session.average[name].copy_(now[name])


@contextmanager
def measured_weights(session: Session) -> Iterator[None]:
    """The weights that are measured and kept: the running mean where there is one."""
    if session.average is None:
        yield
        return
    moving = _copy(session.learner)
    session.learner.load_state_dict(session.average)
    try:
        yield
    finally:
        session.learner.load_state_dict(moving)


def keep_best(session: Session) -> None:
    """Remember the weights as they are now."""
    session.best = _copy(session.learner)


def checkpoint(session: Session, folder: Path) -> None:
    """Write all that going on needs."""
    tensors = _named("now.", _copy(session.learner)) | _named("best.", session.best)
    if session.average is not None:
        tensors |= _named("average.", session.average)
    for index, numbers in session.optimizer.state_dict()["state"].items():
        tensors |= _named(f"adam.{index}.", numbers)
    write_checkpoint(folder, tensors, session.at)


def finish(session: Session, folder: Path) -> Run:
    """Put the best weights in, save the classifier and how it ended, drop the checkpoint."""
    at, run = session.at, open_run(folder)
    session.learner.load_state_dict(session.best)
    save(session.classifier.cpu(), folder)
    write_history(folder, at.history)
    facts = replace(run.facts, best_epoch=at.best_epoch, ended=at.ended, good=at.good)
    write_run(folder, run.recipe, facts)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return open_run(folder)


def _groups(classifier: Classifier, learner: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    """Weights of layers decay; biases and the numbers of norms do not. A pretrained base learns
    at a rate of its own."""
    network = classifier.network
    base: set[int] = set()
    if isinstance(network, BaseAndHead) and is_pretrained(recipe.network):
        base = {id(parameter) for parameter in network.base.parameters()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in learner.parameters():
        if parameter.requires_grad:
            decay = recipe.weight_decay if parameter.ndim > 1 else 0.0
            share = recipe.base_lr if id(parameter) in base else 1.0
            groups.setdefault((decay, share), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": decay, "share": share}
        for (decay, share), parameters in groups.items()
    ]


def _copy(module: nn.Module) -> Weights:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def _named(prefix: str, tensors: Weights) -> Weights:
    return {f"{prefix}{name}": value for name, value in tensors.items()}


def _restore(session: Session, tensors: Weights, at: Counters) -> None:
    session.at = at
    session.learner.load_state_dict(_under(tensors, "now."))
    device = session.classifier.mean.device
    session.best = {name: value.to(device) for name, value in _under(tensors, "best.").items()}
    if session.average is not None:
        for name, value in _under(tensors, "average.").items():
            session.average[name].copy_(value)
    _restore_moments(session.optimizer, _under(tensors, "adam."))


def _restore_moments(optimizer: torch.optim.Optimizer, tensors: Weights) -> None:
    groups = optimizer.param_groups
    weights: list[nn.Parameter] = [weight for group in groups for weight in group["params"]]
    moments: dict[int, Weights] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        moments.setdefault(int(index), {})[key] = _laid_out_as(weights[int(index)], value)
    plan = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": plan})


def _laid_out_as(weight: Tensor, moment: Tensor) -> Tensor:
    """The fused Adam walks a weight and its moments side by side in memory."""
    return torch.empty_like(weight).copy_(moment) if moment.shape == weight.shape else moment


def _under(tensors: Weights, prefix: str) -> Weights:
    found = {name: value for name, value in tensors.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): value for name, value in found.items()}
