"""What changes during a training: parameter groups, the running mean, and the checkpoint file."""

from pathlib import Path

import pytest
import torch

from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Runtime
from pasunchat.training.recipe import Recipe
from pasunchat.training.state import (
    CHECKPOINT,
    TrainState,
    averaged_weights,
    begin_state,
    new_classifier,
    update_average,
    write_checkpoint,
)

NETWORK = "simple:batch_norm=true"


def begun(dataset: Dataset, recipe: Recipe, folder: Path) -> TrainState:
    classifier = new_classifier(dataset, recipe, Runtime())
    return begin_state(classifier, classifier, recipe, folder)


def set_weights(state: TrainState, value: float) -> None:
    with torch.no_grad():
        for parameter in state.module.parameters():
            parameter.fill_(value)


def test_only_weights_of_layers_decay(dataset: Dataset, tmp_path: Path) -> None:
    state = begun(dataset, Recipe(network=NETWORK, weight_decay=0.5), tmp_path)
    decay = {
        id(parameter): group["weight_decay"]
        for group in state.optimizer.param_groups
        for parameter in group["params"]
    }
    parameters = dict(state.module.named_parameters())
    assert len(decay) == len(parameters)
    for name, parameter in parameters.items():
        assert decay[id(parameter)] == (0.5 if parameter.ndim > 1 else 0.0), name
    assert set(decay.values()) == {0.0, 0.5}


@pytest.mark.parametrize("ema", [0.2, 0.999])
def test_the_running_mean_forgets_as_its_decays_say(
    dataset: Dataset, tmp_path: Path, ema: float
) -> None:
    """From weights 1 to weights 0: what is left after k steps is the product of the decays."""
    state = begun(dataset, Recipe(network=NETWORK, ema=ema), tmp_path)
    assert state.average is not None
    for name, _ in state.module.named_parameters():
        state.average[name].fill_(1.0)
    set_weights(state, 0.0)
    left = 1.0
    for step in range(1, 5):
        update_average(state, ema)
        left *= min(ema, step / (step + 10))
        for name, _ in state.module.named_parameters():
            assert torch.allclose(state.average[name], torch.tensor(left), rtol=1e-5), name


def test_the_mean_is_lent_for_a_measurement_only(dataset: Dataset, tmp_path: Path) -> None:
    state = begun(dataset, Recipe(network=NETWORK, ema=0.9), tmp_path)
    assert state.average is not None
    before = {name: value.clone() for name, value in state.average.items()}
    set_weights(state, 3.0)
    with averaged_weights(state):
        assert all(torch.equal(v, before[n]) for n, v in state.module.state_dict().items())
    assert all((parameter == 3.0).all() for parameter in state.module.parameters())


def test_a_checkpoint_holds_the_whole_state(dataset: Dataset, tmp_path: Path) -> None:
    recipe = Recipe(network=NETWORK, ema=0.9)
    state = begun(dataset, recipe, tmp_path)
    state.module(torch.rand(4, 3, 16, 16)).square().sum().backward()
    state.optimizer.step()
    update_average(state, 0.9)
    state.counters.add(loss=0.5, photos=4)
    write_checkpoint(state, tmp_path)
    found = begun(dataset, recipe, tmp_path)
    assert found.counters == state.counters and found.counters.loss_sum == 2.0
    assert found.average is not None and state.average is not None
    for one, other in (
        (found.module.state_dict(), state.module.state_dict()),
        (found.average, state.average),
        (found.best, state.best),
    ):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
    moments = [each.optimizer.state_dict()["state"] for each in (found, state)]
    assert moments[0].keys() == moments[1].keys() != set()
    for index, values in moments[0].items():
        assert all(torch.equal(value, moments[1][index][name]) for name, value in values.items())


def test_a_damaged_checkpoint_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(PasunchatError, match=r"checkpoint\.safetensors is damaged"):
        begun(dataset, Recipe(network=NETWORK), tmp_path)
