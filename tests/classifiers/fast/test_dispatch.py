"""When the kernel is used, when not, and that nothing else about the network changes."""

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.fast import dispatch
from pasunchat.classifiers.files import load_files, save

Maker, Run = Callable[..., nn.Sequential], Callable[..., Tensor]


def is_open(network: nn.Sequential, pixels: Tensor) -> bool:
    return dispatch.run(network, pixels) is not None


def test_open_for_simple_and_used_by_it(make_network: Maker, make_pixels: Run, kernel: Run,
                                        layers: Run) -> None:  # fmt: skip
    network, pixels = make_network(), make_pixels(2)
    assert torch.equal(network(pixels), kernel(network, pixels))
    assert is_open(network, pixels.contiguous())  # any layout
    assert torch.equal(network(pixels.contiguous()), network(pixels))
    assert is_open(make_network(width=32), pixels)
    with torch.inference_mode():
        assert is_open(network, pixels.clone())
        assert torch.equal(network(pixels), kernel(network, pixels))


def test_the_switch_shuts_it(
    make_network: Maker, make_pixels: Run, layers: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, pixels = make_network(), make_pixels(2)
    monkeypatch.setenv(dispatch.SWITCH, "0")
    assert not is_open(network, pixels)
    assert torch.equal(network(pixels), layers(network, pixels))


@pytest.mark.parametrize(
    ("spelt", "classes", "size"),
    [
        ("simple", 3, 16),
        ("simple", 2, 20),
        ("simple:width=8", 2, 16),
        ("simple:depth=2", 2, 16),
        ("simple:dropout=0.5", 2, 16),
        ("simple:batch_norm=true", 2, 16),
    ],
)
def test_shut_for_other_networks(spelt: str, classes: int, size: int, make_pixels: Run) -> None:
    network = build(spelt, classes=tuple("abc"[:classes]), size=size).network
    assert not is_open(network, make_pixels(2, size))
    assert network(make_pixels(2, size)).shape == (2, classes)


def test_shut_for_changed_layers_and_other_tensors(make_network: Maker, make_pixels: Run) -> None:
    pixels = make_pixels(2)
    assert not is_open(make_network(), pixels[:0])
    assert not is_open(make_network(), pixels[:, :, :16])
    assert not is_open(make_network().double(), pixels.double())
    assert not is_open(make_network(), pixels.double())
    assert not is_open(make_network().to("meta"), pixels.to("meta"))
    network = make_network()
    network.conv2.weight.requires_grad_(False)
    assert not is_open(network, pixels)
    network = make_network()
    network.pool1 = nn.MaxPool2d(2, ceil_mode=True)
    assert not is_open(network, pixels)
    network = make_network()
    network.conv1 = nn.Conv2d(3, 16, 3, padding=1, padding_mode="reflect")
    assert not is_open(network, pixels)


def test_shut_while_somebody_looks_into_a_layer(make_network: Maker, make_pixels: Run) -> None:
    network, seen = make_network(), []
    hook = network.conv3.register_forward_hook(lambda *_: seen.append(1))
    network(make_pixels(1))
    hook.remove()
    assert seen
    assert is_open(network, make_pixels(1))


def test_normalising_is_left_to_the_classifier_where_it_is_watched_or_learnt(
    make_network: Maker, make_pixels: Run
) -> None:
    network, pixels, seen = make_network(), make_pixels(2), []
    assert isinstance(network, dispatch.FastLayers)
    one, three = torch.ones(1, 1, 1, 1), torch.ones(1, 3, 1, 1)
    assert network.normalising(pixels, one, three) is not None
    assert network.normalising(pixels, one, three.clone().requires_grad_()) is None
    assert network.normalising(pixels, one.double(), three) is None
    assert network.normalising(pixels, torch.ones(1, 1, 24, 24), three) is None
    network.register_forward_hook(lambda *_: seen.append(1))
    assert network.normalising(pixels, one, three) is None
    Classifier(network)(pixels)
    assert seen


def test_shut_where_torch_traces_exports_or_transforms(make_network: Maker,
                                                       make_pixels: Run) -> None:  # fmt: skip
    network, pixels = make_network().eval(), make_pixels(2)
    with torch.autocast("cpu", torch.bfloat16):
        assert not is_open(network, pixels)
    exported = torch.export.export(network, (pixels,))
    targets = [str(node.target) for node in exported.graph.nodes]
    assert sum("conv2d" in target for target in targets) == 3
    assert torch.allclose(exported.module()(pixels), network(pixels), atol=1e-5)
    slopes = torch.func.vmap(torch.func.grad(lambda one: network(one[None])[0, 0]))(pixels)
    assert slopes.shape == pixels.shape


def test_copies_and_files_are_as_before(make_network: Maker, make_pixels: Run,
                                        tmp_path: Path) -> None:  # fmt: skip
    network, pixels = make_network(16), make_pixels(2, 16)
    before = network(pixels)
    twin = copy.deepcopy(network)
    assert list(twin.state_dict()) == list(nn.Sequential.state_dict(network))
    assert torch.equal(twin(pixels), before)
    with torch.no_grad():
        twin.conv1.weight.data.add_(1)  # which no version number tells
    assert not torch.equal(twin(pixels), before)
    assert torch.equal(network(pixels), before)
    classifier = build("simple", classes=("cat", "dog"), size=16)
    classifier(pixels)
    save(classifier, tmp_path)
    again = load_files(tmp_path)
    assert isinstance(again, Classifier)
    assert torch.equal(again(pixels), classifier(pixels))


def test_a_kernel_that_cannot_be_compiled_is_told_and_left_out(
    make_network: Maker, make_pixels: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pasunchat.classifiers.fast import step

    def broken() -> None:
        raise RuntimeError("numba has changed")

    monkeypatch.setattr(step, "try_out", broken)
    dispatch._direct.cache_clear()
    with pytest.warns(UserWarning, match="numba has changed"):
        assert not is_open(make_network(), make_pixels(1))
    dispatch._direct.cache_clear()


def test_without_numba_the_layers_run() -> None:
    code = """
import sys
sys.modules["numba"] = None  # as if it were not installed
import torch
from pasunchat.classifiers.build import build
classifier = build("simple", classes=("cat", "dog"), size=16)
print(classifier(torch.zeros(1, 3, 16, 16)).shape, "llvmlite" in sys.modules)
"""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip() == "torch.Size([1, 2]) False", done.stderr
