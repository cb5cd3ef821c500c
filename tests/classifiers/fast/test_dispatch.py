"""When the kernel is used, when not, and that nothing else about the classifier changes."""

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.fast import dispatch
from pasunchat.classifiers.files import load_files, save
from pasunchat.classifiers.info import ClassifierInfo

Maker, Run = Callable[..., nn.Sequential], Callable[..., Tensor]
INFO = ClassifierInfo(network_name="simple")
ONE, ZERO = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)


def serves(network: nn.Module, pixels: Tensor, scale: Tensor = ONE, shift: Tensor = ZERO) -> bool:
    return dispatch.run(network, pixels, scale, shift) is not None


def test_a_classifier_of_simple_uses_it(make_network: Maker, make_pixels: Run,
                                        kernel: Run) -> None:  # fmt: skip
    network, pixels = make_network(), make_pixels(2)
    classifier = dispatch.FastClassifier(network)
    assert torch.equal(classifier(pixels), kernel(network, pixels))
    assert torch.equal(classifier(pixels.contiguous()), classifier(pixels))  # any layout
    assert serves(make_network(width=32), pixels)
    with torch.inference_mode():
        assert serves(network, pixels.clone())
        assert torch.equal(classifier(pixels), kernel(network, pixels))


@pytest.mark.parametrize(("spelt", "fast"), [("simple", True), ("linear", False), ("tiny", False)])
def test_only_networks_with_the_layers_of_simple_get_a_fast_classifier(
    spelt: str, fast: bool
) -> None:
    built = build(spelt, classes=("cat", "dog"), size=16)
    assert isinstance(built, dispatch.FastClassifier) == fast


def test_the_switch_turns_it_off(
    make_network: Maker, make_pixels: Run, layers: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, pixels = make_network(), make_pixels(2)
    monkeypatch.setenv(dispatch.SWITCH, "0")
    assert not serves(network, pixels)
    assert torch.equal(dispatch.FastClassifier(network)(pixels), layers(network, pixels))


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
def test_other_networks_run_by_their_layers(
    spelt: str, classes: int, size: int, make_pixels: Run
) -> None:
    classifier = build(spelt, classes=tuple("abc"[:classes]), size=size)
    assert not serves(classifier.network, make_pixels(2, size))
    assert classifier(make_pixels(2, size)).shape == (2, classes)


def test_changed_layers_and_other_tensors_are_not_served(
    make_network: Maker, make_pixels: Run
) -> None:
    pixels = make_pixels(2)
    assert not serves(make_network(), pixels[:0])
    assert not serves(make_network(), pixels[:, :, :16])
    assert not serves(make_network().double(), pixels.double())
    assert not serves(make_network(), pixels.double())
    assert not serves(make_network().to("meta"), pixels.to("meta"))
    network = make_network()
    network.conv2.weight.requires_grad_(False)
    assert not serves(network, pixels)
    network = make_network()
    network.pool1 = nn.MaxPool2d(2, ceil_mode=True)
    assert not serves(network, pixels)
    network = make_network()
    network.conv1 = nn.Conv2d(3, 16, 3, padding=1, padding_mode="reflect")
    assert not serves(network, pixels)


def test_hooks_see_the_layers_run(make_network: Maker, make_pixels: Run) -> None:
    network, seen = make_network(), []
    classifier = dispatch.FastClassifier.with_info(network, INFO)
    for part in (network, network.conv3):
        hook = part.register_forward_hook(lambda *_: seen.append(1))
        assert not serves(network, make_pixels(1))
        classifier(make_pixels(1))
        hook.remove()
    assert len(seen) == 2
    assert serves(network, make_pixels(1))


def test_only_a_constant_normalisation_is_served(make_network: Maker, make_pixels: Run) -> None:
    network, pixels, three = make_network(), make_pixels(2), torch.ones(1, 3, 1, 1)
    assert serves(network, pixels, ONE, three)
    assert not serves(network, pixels, ONE, three.clone().requires_grad_())
    assert not serves(network, pixels, ONE.double(), three)
    assert not serves(network, pixels, ONE, torch.ones(1, 1, 24, 24))


def test_layers_run_where_torch_traces_exports_or_transforms(make_network: Maker,
                                                             make_pixels: Run) -> None:  # fmt: skip
    network, pixels = make_network(), make_pixels(2)
    classifier = dispatch.FastClassifier.with_info(network, INFO).eval()
    with torch.autocast("cpu", torch.bfloat16):
        assert not serves(network, pixels)
    exported = torch.export.export(classifier, (pixels,))
    targets = [str(node.target) for node in exported.graph.nodes]
    assert sum("conv2d" in target for target in targets) == 3
    assert torch.allclose(exported.module()(pixels), classifier(pixels), atol=1e-5)
    slopes = torch.func.vmap(torch.func.grad(lambda one: classifier(one[None])[0, 0]))(pixels)
    assert slopes.shape == pixels.shape


def test_copies_and_files_give_the_same(make_pixels: Run, tmp_path: Path) -> None:
    classifier, pixels = build("simple", classes=("cat", "dog"), size=16), make_pixels(2, 16)
    before = classifier(pixels)
    twin = copy.deepcopy(classifier)
    assert torch.equal(twin(pixels), before)
    with torch.no_grad():
        twin.network.conv1.weight.data.add_(1)  # which no version number tells
    assert not torch.equal(twin(pixels), before)
    assert torch.equal(classifier(pixels), before)
    save(classifier, tmp_path)
    again = load_files(tmp_path)
    assert isinstance(again, dispatch.FastClassifier)
    assert torch.equal(again(pixels), before)


def test_a_kernel_that_cannot_be_compiled_is_left_out_with_a_warning(
    make_network: Maker, make_pixels: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pasunchat.classifiers.fast import step

    def broken() -> None:
        raise RuntimeError("numba has changed")

    monkeypatch.setattr(step, "try_out", broken)
    dispatch._kernel_step.cache_clear()
    with pytest.warns(UserWarning, match="numba has changed"):
        assert not serves(make_network(), make_pixels(1))
    dispatch._kernel_step.cache_clear()


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
