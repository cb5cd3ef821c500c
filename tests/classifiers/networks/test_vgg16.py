"""VGG16 as in the talk: its size, and features equal to Keras's from files that Keras writes."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import conv2d, max_pool2d, relu

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.files import save
from pasunchat.classifiers.networks import vgg16
from pasunchat.classifiers.summary import describe
from pasunchat.errors import PasunchatError

CLASSES = ("cat", "dog")
POOLED = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")
CAFFE_MEAN = np.array([103.939, 116.779, 123.68], dtype=np.float32)  # blue, green, red
# Where each Keras writes a kernel and a bias, below its layer's group.
LAYOUTS = {
    "Keras 1": ("{0}/{0}_W_1:0", "{0}/{0}_b_1:0"),
    "Keras 2": ("{0}/{0}/kernel:0", "{0}/{0}/bias:0"),
    "Keras 3": ("{0}/{0}/kernel", "{0}/{0}/bias"),
}
Weights = dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]


@pytest.fixture(scope="module")
def drawn() -> Weights:
    """Kernels [rows, columns, inputs, outputs], blue first, and biases."""
    rng, inputs, weights = np.random.default_rng(0), 3, {}
    for name, conv in vgg16.base().named_children():
        if not isinstance(conv, torch.nn.Conv2d):
            continue
        shape = (3, 3, inputs, conv.out_channels)
        kernel = rng.standard_normal(shape, dtype=np.float32) * np.float32((2 / 9 / inputs) ** 0.5)
        weights[name] = kernel, rng.standard_normal(conv.out_channels, dtype=np.float32)
        inputs = conv.out_channels
    return weights


def write_h5(path: Path, weights: Weights, layout: str = "Keras 1") -> Path:
    with h5py.File(path, "w") as file:
        for name, values in weights.items():
            for place, value in zip(LAYOUTS[layout], values, strict=True):
                file[place.format(name)] = value
    return path


@pytest.fixture(scope="module")
def h5(drawn: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_h5(tmp_path_factory.mktemp("keras") / "notop.h5", drawn)


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    """Two real photos at 224 where there are some, else noise at 64."""
    folder = os.environ.get("PASUNCHAT_PHOTOS")
    if not folder:
        return np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    with zipfile.ZipFile(Path(folder) / "photos-original.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        photos = [Image.open(io.BytesIO(archive.read(name))) for name in (names[0], names[-1])]
        return np.stack([np.array(p.convert("RGB").resize((224, 224))) for p in photos])


def plain(images: NDArray[np.uint8], weights: Weights) -> torch.Tensor:
    """Features [N, 512] as Keras defines them, written with torch's functions."""
    maps = torch.from_numpy(images[..., ::-1].astype(np.float32) - CAFFE_MEAN).permute(0, 3, 1, 2)
    for name, (kernel, bias) in weights.items():
        weight = torch.from_numpy(kernel).permute(3, 2, 0, 1)
        maps = relu(conv2d(maps, weight, torch.from_numpy(bias), padding=1))
        maps = max_pool2d(maps, 2) if name in POOLED else maps
    return maps.mean((2, 3))


def features(classifier: Classifier, images: NDArray[np.uint8]) -> torch.Tensor:
    with torch.inference_mode():
        pixels = torch.addcmul(classifier.shift, as_pixels(images), classifier.scale)
        return classifier.network.base(pixels)


def test_the_talk_s_parameters_layer_by_layer() -> None:
    described = describe(build("vgg16", classes=CLASSES, size=224, seed=None))
    assert described.parameters == 14_782_450
    assert described.trainable == 67_762
    layers = {layer.name: layer for layer in described.layers}
    assert layers["base.block1_conv1"].parameters == 1792
    assert layers["base.block5_conv3"].shape == (14, 14, 512)
    assert layers["base.block5_pool"].shape == (7, 7, 512)
    assert layers["base.block5_pool"].seen == (212, 212)
    assert [layers[f"head.{name}"].parameters for name in ("hidden1", "hidden2", "dense")] == [
        65_664,
        2_064,
        34,
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_keras_s_layout_gives_the_same_weights(
    drawn: Weights, tmp_path: Path, layout: str
) -> None:
    some = {name: drawn[name] for name in ("block1_conv1", "block1_conv2")}
    found = vgg16.read(write_h5(tmp_path / "notop.h5", some, layout))
    assert sorted(found) == sorted(f"{n}.{kind}" for n in some for kind in ("weight", "bias"))
    for name, (kernel, bias) in some.items():
        ours = found[f"{name}.weight"].permute(2, 3, 1, 0).numpy()
        ours = ours[:, :, ::-1] if name == "block1_conv1" else ours
        assert np.array_equal(ours, kernel)
        assert np.array_equal(found[f"{name}.bias"].numpy(), bias)


def test_features_are_those_of_the_plain_network(
    drawn: Weights, h5: Path, images: NDArray[np.uint8]
) -> None:
    classifier = build(f"vgg16:weights={h5}", classes=CLASSES, size=images.shape[1])
    wanted, found = plain(images, drawn), features(classifier, images)
    assert (found - wanted).norm() / wanted.norm() < 1e-4


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras and NumPy 2
@pytest.mark.parametrize("kind", ["as published", "save_weights", "save"])
def test_features_are_keras_s(tmp_path: Path, images: NDArray[np.uint8], kind: str) -> None:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    side = images.shape[1]
    model = keras.applications.VGG16(
        weights=None, include_top=False, pooling="avg", input_shape=(side, side, 3)
    )
    file = tmp_path / ("keras.weights.h5" if kind == "save_weights" else "keras.h5")
    if kind == "as published":
        from keras.src.legacy.saving import legacy_h5_format as legacy

        with h5py.File(file, "w") as group:
            legacy.save_weights_to_hdf5_group(group, model)
    else:
        getattr(model, kind)(file)
    classifier = build(f"vgg16:weights={file}", classes=CLASSES, size=side)
    preprocessed = keras.applications.vgg16.preprocess_input(images.astype(np.float32))
    wanted = keras.ops.convert_to_numpy(model(preprocessed))
    found = features(classifier, images).numpy()
    assert np.linalg.norm(found - wanted) / np.linalg.norm(wanted) < 1e-4


def test_safetensors_of_a_base_and_of_a_run(h5: Path, tmp_path: Path) -> None:
    classifier = build(f"vgg16:weights={h5}", classes=CLASSES, size=32)
    weights = {k: v.contiguous() for k, v in classifier.network.base.state_dict().items()}
    safetensors.torch.save_file(weights, tmp_path / "base.safetensors")
    save(classifier, tmp_path)
    for name in ("base", "weights"):
        again = build(f"vgg16:weights={tmp_path / name}.safetensors", classes=("a", "b"), size=32)
        assert again.network.base[0].weight.equal(classifier.network.base[0].weight)
        assert again.network.head[0].weight.equal(classifier.network.head[0].weight)  # its seed's


def one_line(network: str) -> str:
    with pytest.raises(PasunchatError) as refused:
        build(network, classes=CLASSES, size=32)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "no file"),
        (lambda path: path.write_bytes(b"no weights"), "damaged or no HDF5 file"),
        (lambda path: os.truncate(path, path.stat().st_size // 2), "damaged or no HDF5 file"),
    ],
)
def test_files_that_cannot_be_read(
    h5: Path, tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    copy = tmp_path / "copy.h5"
    copy.write_bytes(h5.read_bytes())
    spoil(copy)
    assert said in one_line(f"vgg16:weights={copy}")


def test_files_with_other_weights(drawn: Weights, tmp_path: Path) -> None:
    some = {**drawn}
    del some["block4_conv2"]
    missing = write_h5(tmp_path / "missing.h5", some)
    assert "block4_conv2.weight is missing" in one_line(f"vgg16:weights={missing}")
    some = {**drawn, "block1_conv2": drawn["block2_conv1"]}
    other = write_h5(tmp_path / "other.h5", some)
    assert "block1_conv2.weight is 128x64x3x3, expected 64x64x3x3" in one_line(
        f"vgg16:weights={other}"
    )
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"no weights")
    assert "no safetensors file" in one_line(f"vgg16:weights={damaged}")


def test_pictures_too_small_are_refused() -> None:
    with pytest.raises(PasunchatError, match="size 32 or more, got 31"):
        build("vgg16", classes=CLASSES, size=31)
