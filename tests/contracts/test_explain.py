"""What explaining keeps to, for every network of NETWORKS and for networks from outside."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.export import export
from pasunchat.classifiers.full_size import full_size
from pasunchat.classifiers.load import load
from pasunchat.classifiers.modes import evaluating
from pasunchat.classifiers.networks import NETWORKS, vgg16
from pasunchat.explain import (
    forward_pass,
    growth,
    layer_maps,
    layers_of,
    pushes,
    shown_layers,
    unit,
    votes,
)
from pasunchat.explain.chains import chains
from pasunchat.explain.fields import places
from pasunchat.explain.votes import best_other
from pasunchat.extras import keras_on_torch, mend_torchvision

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation"),  # Keras and NumPy 2
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
]

SIDE, CLASSES = 32, ("cat", "dog", "fox")
Made = Callable[[Path], Classifier]


class Functions(nn.Module):
    """A network without modules for what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(6, 3, 3, 3) * 0.3)
        self.second = nn.Parameter(torch.randn(8, 6, 3, 3) * 0.2)
        self.last = nn.Parameter(torch.randn(3, 8))

    def forward(self, pixels: Tensor) -> Tensor:
        maps = nn.functional.conv2d(pixels, self.first, stride=2, padding=1)
        maps = nn.functional.max_pool2d(nn.functional.leaky_relu(maps), 3, 2, 1)
        maps = nn.functional.elu(nn.functional.conv2d(maps, self.second, dilation=2))
        return nn.functional.adaptive_avg_pool2d(maps, 1).flatten(1) @ self.last.t()


class Grey(nn.Module):
    """Takes one channel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.dense = nn.Linear(4, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        assert pixels.shape[1] == 1
        return self.dense(self.conv(pixels).relu().mean((2, 3)))


def ours(name: str) -> Made:
    return lambda folder: shaken(build(with_weights(name, folder), classes=CLASSES, size=SIDE))


def with_weights(name: str, folder: Path) -> str:
    """Weights that would have to be fetched are drawn."""
    if name != "vgg16":
        return name
    file = folder / "vgg16.safetensors"
    weights = vgg16.base().state_dict()
    safetensors.torch.save_file({key: 0.9 * value for key, value in weights.items()}, file)
    return f"vgg16:weights={file}"


def shaken(classifier: Classifier) -> Classifier:
    """Some weights start at zero on purpose, and batch norms as the identity."""
    with torch.no_grad():
        for part in classifier.modules():
            if isinstance(part, nn.BatchNorm2d) and NETWORKS["efficientnet-lite0"] is not part:
                part.running_mean += 0.1 * torch.randn_like(part.running_mean)
                part.running_var *= torch.rand_like(part.running_var) + 0.5
        for number in classifier.parameters():
            number += 0.01 * torch.randn_like(number)
    return classifier


def many_classes(_: Path) -> Classifier:
    layers = [nn.Conv2d(3, 20, 3, 2), nn.BatchNorm2d(20), nn.SiLU(), nn.AdaptiveAvgPool2d(1)]
    return shaken(Classifier(nn.Sequential(*layers, nn.Flatten(), nn.Linear(20, 1000)), size=SIDE))


def keras_model(folder: Path) -> Classifier:
    pytest.importorskip("keras")
    keras = keras_on_torch()
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(5, 3, strides=2, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.DepthwiseConv2D(3),
            layers.BatchNormalization(gamma_initializer="random_normal"),
            layers.ReLU(6.0),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.save(folder / "net.keras")
    return load(folder / "net.keras")


def onnx_file(folder: Path) -> Classifier:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    export(ours("tiny")(folder), folder / "net.onnx", "onnx", torch.rand(2, 3, SIDE, SIDE))
    return load(folder / "net.onnx")


def timm_net(_: Path) -> Classifier:
    mend_torchvision()
    timm = pytest.importorskip("timm")
    network = timm.create_model("resnet10t", pretrained=False, num_classes=3)
    return shaken(Classifier(network, size=SIDE))


def traced(_: Path) -> Classifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have torch.export
        script = torch.jit.trace(  # type: ignore[no-untyped-call]
            Functions(), torch.rand(2, 3, SIDE, SIDE), check_trace=False
        )
    return Classifier(script, size=SIDE)


def exported(_: Path) -> Classifier:
    example, any_number = (torch.rand(2, 3, SIDE, SIDE),), ({0: torch.export.Dim("n", min=1)},)
    program = torch.export.export(Functions(), example, dynamic_shapes=any_number)
    return Classifier(program.module(), size=SIDE)


ROWS: dict[str, Made] = {
    **{name: ours(name) for name in NETWORKS},
    "simple, batch norm": ours("simple:batch_norm=true,width=20"),
    "residual, squeeze": ours("residual:squeeze=8"),
    "many classes": many_classes,
    "functions": lambda _: Classifier(Functions(), size=SIDE),
    "blue first": lambda _: Classifier(Functions(), size=SIDE, channels="BGR"),
    "grey": lambda _: Classifier(Grey(), size=SIDE),
    "traced": traced,
    "exported": exported,
    "keras": keras_model,
    "onnx": onnx_file,
    "timm": timm_net,
    "full size": lambda folder: full_size(ours("simple")(folder)),
}
UNSEEN = "full size"  # its pixels are resized by Pillow, outside of torch
NO_MAPS = ("linear", "dense", UNSEEN)
SUMS = ("simple", "tiny", "residual", "efficientnet-lite0", "simple, batch norm", "many classes")
NO_SUM = ("vgg16", "linear", "dense", UNSEEN)  # more than one dense layer, or no maps


@pytest.fixture(scope="module", params=ROWS)
def row(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def classifier(row: str, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ROWS[row](tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def image() -> NDArray[np.uint8]:
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    waves = np.stack([np.sin(5 * x + 3 * y), np.cos(4 * x * y), np.sin(7 * y - 2 * x)], -1)
    noise = np.random.default_rng(0).normal(0, 10, waves.shape)
    return (120 + 80 * waves + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def changed(classifier: Classifier, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Nearly each value by a level toward class 1, as in a photo fooled."""
    pixels = as_pixels(image[None]).requires_grad_()
    with evaluating(classifier):
        logits = classifier(pixels)[0]
    (slope,) = torch.autograd.grad(logits[1] - logits[best_other(logits.detach(), 1)], pixels)
    toward = slope[0].sign().permute(1, 2, 0).numpy().astype(int)
    change = np.random.default_rng(1).choice([-1, 0, 1, 1, 1, 2], image.shape) * toward
    return (image.astype(int) + change).clip(0, 255).astype(np.uint8)


def test_the_logits_seen_are_the_classifier_s(
    row: str, classifier: Classifier, image: NDArray[np.uint8]
) -> None:
    seen = forward_pass(classifier, image)
    assert torch.allclose(seen.logits.float(), classifier.logits(image[None])[0], atol=1e-4)
    assert (seen.result is None) == (row == UNSEEN)


def test_the_network_is_left_as_it_was(classifier: Classifier, image: NDArray[np.uint8]) -> None:
    before, modes = classifier.digest(), [part.training for part in classifier.modules()]
    hooks = sum(len(part._forward_hooks) for part in classifier.modules())
    logits = classifier.logits(image[None])
    votes(classifier, image, 0)
    growth(classifier, image, image)
    assert classifier.digest() == before
    assert modes == [part.training for part in classifier.modules()]
    assert hooks == sum(len(part._forward_hooks) for part in classifier.modules())
    assert torch.equal(classifier.logits(image[None]), logits)


def test_layers_have_maps_and_maps_have_units(
    row: str, classifier: Classifier, image: NDArray[np.uint8]
) -> None:
    seen = forward_pass(classifier, image)
    names = shown_layers(classifier)
    assert bool(names) == (row not in NO_MAPS) and len(names) <= 6
    assert set(names) <= {layer.name for layer in layers_of(classifier)}
    rng = np.random.default_rng(0)
    for maps in layer_maps(classifier, seen):
        assert maps.maps.ndim == 3 and maps.maps.dtype == torch.float32
        assert len(maps.shown) == min(16, len(maps.maps))
        for _ in range(3):
            channel, y, x = (int(rng.integers(side)) for side in maps.maps.shape)
            found = unit(classifier, seen, maps.name, channel, y, x)
            assert found.value == float(maps.maps[channel, y, x])
            products = sum(term.product for term in found.terms)
            assert products + found.rest == pytest.approx(found.sum, abs=1e-6)


def test_sum_and_bias_are_what_the_layer_and_its_batch_norm_give(
    classifier: Classifier, image: NDArray[np.uint8]
) -> None:
    """Against the values that were seen behind the last linear step."""
    seen = forward_pass(classifier, image)
    found = places(seen)
    rng = np.random.default_rng(0)
    for chain in chains(seen):
        if chain.kind == "dense" or chain.place is None:
            continue
        last = (chain.layer, *chain.linear())[-1].outputs[0]
        made = found[last].maps(seen.values[last])
        y, x = (int(rng.integers(side)) for side in chain.maps(seen).shape[1:])
        channel = int(rng.integers(len(made)))
        one = unit(classifier, seen, chain.name, channel, y, x)
        expected = float(made[channel][one.of])
        assert one.sum + one.bias == pytest.approx(expected, abs=1e-4 * max(1, abs(expected)))


def test_a_field_holds_all_pixels_that_move_a_unit(
    classifier: Classifier, image: NDArray[np.uint8]
) -> None:
    before = layer_maps(classifier, image)
    for place, maps in enumerate(before):
        if maps.field is None:
            continue
        y, x = (side // 2 for side in maps.maps.shape[1:])
        left, top, size = maps.field.at(y, x)
        other = 255 - image
        inside = slice(max(0, top), top + size), slice(max(0, left), left + size)
        other[inside] = image[inside]
        after = layer_maps(classifier, other, (maps.name,))[0].maps[:, y, x]
        assert torch.allclose(after, maps.maps[:, y, x], rtol=1e-4, atol=1e-4), before[place].name


def test_votes_add_up_or_there_are_none(
    row: str, classifier: Classifier, image: NDArray[np.uint8]
) -> None:
    found = votes(classifier, image, 1)
    if row in (*SUMS, *NO_SUM):
        assert (found is None) == (row in NO_SUM)
    if found is not None:
        logits = classifier.logits(image[None])[0].double()
        assert found.lead == pytest.approx(float(logits[1] - logits[found.other]), abs=1e-4)
        sizes = float(np.abs(found.votes).sum()) + abs(found.lead)
        assert abs(float(found.votes.sum(dtype=float)) + found.bias - found.lead) <= 1e-4 * sizes


def test_pushes_add_up(
    row: str, classifier: Classifier, image: NDArray[np.uint8], changed: NDArray[np.uint8]
) -> None:
    found = pushes(classifier, image, changed, 1)
    change = found.after - found.before
    assert found.toward + found.away <= found.changed == int((image != changed).sum())
    if row not in ("grey", UNSEEN):  # they round on the way, and say so
        assert found.complete
    assert found.complete == (abs(found.total - change) <= 1e-3 * abs(change))


def test_growth_begins_with_the_pixels(
    row: str, classifier: Classifier, image: NDArray[np.uint8], changed: NDArray[np.uint8]
) -> None:
    found = growth(classifier, image, changed)
    assert [each.layer for each in found] == ["pixels", *shown_layers(classifier)]
    assert all(0 < each.share < 10 for each in found)
