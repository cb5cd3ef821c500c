"""TrainState: all that changes during a training: weights, optimizer, running mean and counters.

It is written whole to checkpoint.safetensors and read back, so that a training that was stopped or
killed ends in the same bytes as one that was not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from pasunchat.classifiers.build import build, is_pretrained
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.files import save
from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Runtime
from pasunchat.storage import from_json, write_bytes
from pasunchat.training.recipe import Recipe
from pasunchat.training.run import Epoch, Run, open_run, write_history, write_run

CHECKPOINT = "checkpoint.safetensors"
KERAS_EPSILON = 1e-7  # Adam's epsilon in Keras, where the talk's network was trained
Weights = dict[str, Tensor]  # a state_dict, or tensors of a checkpoint by name


@dataclass
class Counters:
    """How far a training is. In the checkpoint as JSON."""

    epoch: int = 0  # epochs done
    step: int = 0  # steps done in this epoch
    photos: int = 0  # photos seen in this epoch
    loss_sum: float = 0.0  # losses of this epoch, each photo's counted once
    averaged: int = 0  # steps that the running mean of the weights has followed, in all epochs
    waited: int = 0  # epochs since the validation loss was last lower
    best_epoch: int | None = None  # from 1, the epoch of the lowest validation loss
    ended: str | None = None  # a sentence that says why training ended; None while it goes on
    good: bool = True  # False if it ended by a loss that led nowhere
    history: list[Epoch] = field(default_factory=list)  # the epochs done

    def add(self, loss: float, photos: int) -> None:
        """Count a step with its mean loss and its number of photos."""
        self.step, self.photos = self.step + 1, self.photos + photos
        self.loss_sum += loss * photos

    def next_epoch(self, row: Epoch) -> None:
        """Enter the epoch just measured into the history and start to count the next."""
        self.history.append(row)
        self.epoch, self.step, self.photos, self.loss_sum = self.epoch + 1, 0, 0, 0.0


@dataclass
class TrainState:
    """A training between two steps."""

    classifier: Classifier
    module: nn.Module  # what is trained: the classifier, or its head on a frozen base
    optimizer: torch.optim.Optimizer  # of the module's parameters that require gradients
    average: Weights | None  # running mean of the module's weights; None where there is no ema
    best: Weights  # of the module, in the epoch of the lowest validation loss
    counters: Counters
    lowest_losses: Tensor | None = None  # [N], of the validation photos in that epoch


def new_classifier(dataset: Dataset, recipe: Recipe, runtime: Runtime) -> Classifier:
    """The recipe's network, untrained, for the dataset's classes, size and framing.

    Of a pretrained base, as many of the last parts as the recipe unfreezes require gradients.
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
    ).to(runtime.device)
    if isinstance(classifier.network, BaseAndHead) and is_pretrained(recipe.network):
        classifier.network.train_base(None if recipe.unfreeze == "all" else recipe.unfreeze)
    return classifier


def begin_state(
    classifier: Classifier, module: nn.Module, recipe: Recipe, folder: Path
) -> TrainState:
    """The state that the folder's checkpoint holds, or a new one where there is none.

    module: the classifier, or the part of it that is trained. Raises PasunchatError if the
    checkpoint is damaged.
    """
    optimizer = torch.optim.AdamW(
        _parameter_groups(classifier, module, recipe),
        lr=recipe.lr,
        betas=recipe.betas,
        eps=KERAS_EPSILON,
        fused=True,
    )
    average = None if recipe.ema is None else _copy(module)
    state = TrainState(classifier, module, optimizer, average, _copy(module), Counters())
    found = _read_checkpoint(folder)
    if found:
        _restore(state, *found)
    return state


def set_lr(state: TrainState, lr: float) -> None:
    """Set the optimizer's learning rate; a pretrained base gets its share of it."""
    for group in state.optimizer.param_groups:
        group["lr"] = lr * group["share"]


def update_average(state: TrainState, ema: float | None) -> None:
    """Move the running mean towards the weights after a step (Polyak and Juditsky 1992).

    Its decay after k steps is at most k / (k + 10), so that the first weights are soon forgotten.
    Numbers that are not floating-point, such as a batch norm's count, are copied.
    """
    if state.average is None or ema is None:
        return
    state.counters.averaged += 1
    decay = min(ema, state.counters.averaged / (state.counters.averaged + 10))
    weights = state.module.state_dict()
    floating = [name for name, value in weights.items() if value.is_floating_point()]
    with torch.no_grad():
        get_ema_multi_avg_fn(decay)(  # type: ignore[no-untyped-call]
            [state.average[name] for name in floating], [weights[name] for name in floating], None
        )
    for name in weights.keys() - set(floating):
        state.average[name].copy_(weights[name])


@contextmanager
def averaged_weights(state: TrainState) -> Iterator[None]:
    """A block in which the module has the running mean as its weights, where there is one."""
    if state.average is None:
        yield
        return
    weights = _copy(state.module)
    state.module.load_state_dict(state.average)
    try:
        yield
    finally:
        state.module.load_state_dict(weights)


def update_best(state: TrainState, losses: Tensor) -> None:
    """Remember the module's present weights as the best, and the losses of the validation photos
    under them, [N]."""
    state.best, state.lowest_losses = _copy(state.module), losses


def write_checkpoint(state: TrainState, folder: Path) -> None:
    """Write the whole state in one file, whole or not at all.

    Tensors: now.*, best.*, average.* by their names in the module, adam.INDEX.* by parameter,
    lowest.losses.
    """
    tensors = _named("now.", _copy(state.module)) | _named("best.", state.best)
    if state.average is not None:
        tensors |= _named("average.", state.average)
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors |= _named(f"adam.{index}.", moments)
    if state.lowest_losses is not None:
        tensors["lowest.losses"] = state.lowest_losses
    on_cpu = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    metadata = {"counters": msgspec.json.encode(state.counters).decode()}
    write_bytes(folder / CHECKPOINT, safetensors.torch.save(on_cpu, metadata=metadata))


def finish(state: TrainState, run: Run) -> Run:
    """Load the best weights, write the classifier, the history and how the training ended, and
    delete the checkpoint: the finished run."""
    counters, folder = state.counters, run.folder
    state.module.load_state_dict(state.best)
    save(state.classifier.cpu(), folder)
    write_history(folder, counters.history)
    info = replace(
        run.info, best_epoch=counters.best_epoch, ended=counters.ended, good=counters.good
    )
    write_run(folder, run.recipe, info)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return open_run(folder)


def _parameter_groups(
    classifier: Classifier, module: nn.Module, recipe: Recipe
) -> list[dict[str, object]]:
    """The optimizer's groups. Weights of layers decay, biases and normalisation layers do not; a
    pretrained base has its share of the learning rate."""
    network = classifier.network
    base: set[int] = set()
    if isinstance(network, BaseAndHead) and is_pretrained(recipe.network):
        base = {id(parameter) for parameter in network.base.parameters()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in module.parameters():
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


def _under(tensors: Weights, prefix: str) -> Weights:
    found = {name: value for name, value in tensors.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): value for name, value in found.items()}


def _read_checkpoint(folder: Path) -> tuple[Weights, Counters] | None:
    """The tensors and counters of a checkpoint, or None where there is none."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        with safetensors.safe_open(path, "pt") as file:
            counters = file.metadata()["counters"]
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, KeyError) as error:
        raise PasunchatError(f"{path} is damaged ({error}); delete it to start again") from error
    return tensors, from_json(counters, Counters, str(path))


def _restore(state: TrainState, tensors: Weights, counters: Counters) -> None:
    state.counters = counters
    state.module.load_state_dict(_under(tensors, "now."))
    device = state.classifier.mean.device
    state.best = {name: value.to(device) for name, value in _under(tensors, "best.").items()}
    if state.average is not None:
        for name, value in _under(tensors, "average.").items():
            state.average[name].copy_(value)
    state.lowest_losses = tensors.get("lowest.losses")
    _restore_moments(state.optimizer, _under(tensors, "adam."))


def _restore_moments(optimizer: torch.optim.Optimizer, tensors: Weights) -> None:
    groups = optimizer.param_groups
    parameters: list[nn.Parameter] = [each for group in groups for each in group["params"]]
    moments: dict[int, Weights] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        moments.setdefault(int(index), {})[key] = _laid_out_as(parameters[int(index)], value)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _laid_out_as(weight: Tensor, moment: Tensor) -> Tensor:
    """The moment in the weight's memory format: the fused Adam walks both side by side."""
    return torch.empty_like(weight).copy_(moment) if moment.shape == weight.shape else moment
