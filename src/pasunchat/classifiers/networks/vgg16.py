"""vgg16: the talk's transfer learning, VGG16 with ImageNet weights and three new layers on top.

Thirteen convolutions (Simonyan and Zisserman 2015, arXiv:1409.1556, configuration D), mean over the
map, then 128 and 16 units with relu and one a class: 14,782,450 parameters with two classes.

Keras's weights want "Caffe" pixels: levels of 0 to 255 in the order blue, green, red, minus the
mean of ImageNet. The `Classifier` subtracts the mean; the order is in the first convolution, turned
round when weights are loaded.
"""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.classifiers.networks.layers import MeanPool
from pasunchat.classifiers.networks.talk import start_as_keras
from pasunchat.classifiers.pretrained import fetched, filled
from pasunchat.errors import PasunchatError
from pasunchat.extras import extra

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # convolutions, channels
LAYERS = tuple(
    f"block{block}_conv{place}"
    for block, (count, _) in enumerate(BLOCKS, 1)
    for place in range(1, count + 1)
)
SMALLEST = 2 ** len(BLOCKS)
URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
    "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
MD5 = "6d6bbae143d832006294945121d1f1fc"  # as keras-applications states it


@dataclass(frozen=True)
class VGG16:
    """VGG16 with 128 and 16 units with relu on its features, then one unit a class."""

    about: ClassVar[str] = "the talk's VGG16, trained on ImageNet, with 128 and 16 units on top"
    mean: ClassVar[tuple[float, ...]] = (123.68 / 255, 116.779 / 255, 103.939 / 255)
    std: ClassVar[float] = 1 / 255
    frozen: ClassVar[bool] = True
    size: ClassVar[int] = 224

    weights: str | None = None  # a file of the base, .h5 or .safetensors; None: fetched (56 MiB)

    def build(self, classes: int, size: int) -> nn.Module:
        if size < SMALLEST:
            raise PasunchatError(
                f"vgg16 halves its input five times: size {SMALLEST} or more, got {size}"
            )
        head = OrderedDict(
            hidden1=nn.Linear(BLOCKS[-1][1], 128),
            relu1=nn.ReLU(),
            hidden2=nn.Linear(128, 16),
            relu2=nn.ReLU(),
            dense=nn.Linear(16, classes),
        )
        network = BaseAndHead(base(), nn.Sequential(head))
        network.train_base(0)
        return network

    def start(self, network: nn.Module, generator: torch.Generator) -> None:
        path = Path(self.weights) if self.weights else fetched(URL, MD5, "vgg16")
        assert isinstance(network, BaseAndHead)
        filled(network.base, read(path), str(path))
        start_as_keras(network.head, generator)


def base() -> nn.Sequential:
    """Levels minus the mean, red first, [N, 3, H, W] -> features [N, 512]."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
    for block, (count, outputs) in enumerate(BLOCKS, 1):
        for place in range(1, count + 1):
            parts[f"block{block}_conv{place}"] = nn.Conv2d(channels, outputs, 3, padding=1)
            parts[f"block{block}_relu{place}"] = nn.ReLU(inplace=True)
            channels = outputs
        parts[f"block{block}_pool"] = nn.MaxPool2d(2)
    parts["pool"] = MeanPool()
    return nn.Sequential(parts)


def read(path: Path) -> dict[str, Tensor]:
    """The weights of the base by our names, red first.

    A .safetensors file has them so: the base's own, or those of a run with this network. Anything
    else is read as Keras's HDF5. Raises PasunchatError if it is neither.
    """
    if not path.is_file():
        raise PasunchatError(
            f"no file {path}; weights=FILE wants Keras's VGG16 without top (.h5) or .safetensors"
        )
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_keras(path)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        found = safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise PasunchatError(f"{path} is damaged or no safetensors file: {error}") from error
    return {
        name.removeprefix("base."): value
        for name, value in found.items()
        if not name.startswith("head.")
    }


def _read_keras(path: Path) -> dict[str, Tensor]:
    """Kernels are [rows, columns, inputs, outputs], blue first.

    Keras 1 wrote block1_conv1/block1_conv1_W_1:0, Keras 2 block1_conv1/block1_conv1/kernel:0, and
    Keras 3 the same without ":0", or, as .weights.h5, layers/conv2d/vars/0 with the layer's name
    beside it: so a layer's kernel is what stands under its name and has four dimensions.
    """
    h5py = extra("h5py", "vgg16")
    weights: dict[str, Tensor] = {}

    def note(place: str, found: object) -> None:
        if not isinstance(found, h5py.Dataset):
            return
        words = {*place.split("/"), found.parent.attrs.get("name")}
        for layer in words.intersection(LAYERS):
            value = torch.from_numpy(found[()]).float()
            if value.ndim == 4:
                weights[f"{layer}.weight"] = value.permute(3, 2, 0, 1).contiguous()
            else:
                weights[f"{layer}.bias"] = value

    try:
        with h5py.File(path) as file:
            file.visititems(note)
    except (OSError, TypeError) as error:
        raise PasunchatError(f"{path} is damaged or no HDF5 file: {error}") from error
    first = f"{LAYERS[0]}.weight"
    if first in weights:
        weights[first] = weights[first].flip(1)
    return weights
