"""Classifier: pixels in [0, 1] in, logits out; it owns everything in between."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pasunchat.classifiers.adapter import PLAIN, Adapter, adapters, find_adapter
from pasunchat.classifiers.channels import Channels
from pasunchat.classifiers.info import ClassifierInfo
from pasunchat.errors import PasunchatError
from pasunchat.framing import Decode, Framing
from pasunchat.progress import Progress, silent
from pasunchat.runtime import full_precision
from pasunchat.storage import sha256


@dataclass(frozen=True)
class Prediction:
    """What a classifier answers for one image."""

    label: str  # name of the most likely class; of equally likely ones, the first
    confidence: float  # its probability, in [0, 1]

    @classmethod
    def from_probabilities(cls, probabilities: NDArray[np.float64], names: Sequence[str]) -> Self:
        """The prediction that probabilities [C] amount to; names: of the classes."""
        best = int(probabilities.argmax())
        return cls(names[best], float(probabilities[best]))


class Classifier(nn.Module):
    """A network with its normalisation, class names, image size and framing.

    Called with pixels, float [N, 3, H, W] in [0, 1], it gives logits [N, C]; the network inside
    sees (pixels - mean) / std. Any torch module that tells classes apart is wrapped in one line:
    `Classifier(model, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))`. Whether it takes
    colours or grey, and whether it ends in logits, in a softmax or in one number, is found at the
    first photos that it is asked about (`find_adapter`).
    """

    network: nn.Module
    info: ClassifierInfo
    origin: Path | None  # the folder it was loaded from
    known_as: str  # the name it was loaded by, else what its network is called
    channels: Channels | None  # that the network takes; None: not stated
    adapter: Adapter | None  # None until it is found
    mean: Tensor  # [1, 3, 1, 1], or [1, 1, 1, 1] for all channels alike; so are the next three
    std: Tensor
    scale: Tensor  # 1 / std
    shift: Tensor  # -mean / std

    def __init__(
        self,
        network: nn.Module,
        *,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        classes: Sequence[str] = (),
        size: int | None = None,
        framing: Framing = "pad",
        channels: Channels | None = None,
    ) -> None:
        """mean, std: one number, or one for each channel, in the network's order. channels: RGB,
        BGR or L (grey, as Pillow makes it); None: RGB, or grey where the network takes no RGB. The
        others: see ClassifierInfo."""
        super().__init__()
        self.network = network
        self.info = ClassifierInfo(classes=tuple(classes), size=size, framing=framing)
        self.origin = None
        self.known_as = type(network).__name__
        self.channels, self.adapter = channels, None
        for name, value in _normalisation(mean, std).items():
            self.register_buffer(name, value.to(_device(network)), persistent=False)

    @classmethod
    def with_info(
        cls,
        network: nn.Module,
        info: ClassifierInfo,
        *,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
    ) -> Self:
        """The classifier whose info is known already, as that of a file is; its network takes RGB
        and gives logits."""
        classifier = cls(network, mean=mean, std=std)
        classifier.adapter = PLAIN
        classifier.info = info
        classifier.known_as = info.network_name or classifier.known_as
        return classifier

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the logits; empty where they are numbered."""
        return self.info.classes

    @property
    def size(self) -> int | None:
        """Side of the square images it takes, in pixels; None: any size."""
        return self.info.size

    @property
    def framing(self) -> Framing:
        """How a photo becomes a square."""
        return self.info.framing

    @property
    def decode(self) -> Decode:
        """How the photos it was trained on were decoded."""
        return self.info.decode

    def class_name(self, index: int) -> str:
        """The name of a class, or its number where there are no names."""
        return self.info.class_name(index)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [N, C] of pixels, float [N, 3, H, W] in [0, 1]."""
        logits = self.unmirrored(pixels)
        if self.info.mirrored and not self.training:
            logits = (logits + self.unmirrored(pixels.flip(3))) / 2
        return logits

    def unmirrored(self, pixels: Tensor) -> Tensor:
        """Logits [N, C] of the pixels alone, without their mirror image."""
        adapter = self.found_adapter(pixels)
        return adapter.head.logits(lambda: self.outputs(pixels, adapter))

    def normalised(self, pixels: Tensor) -> Tensor:
        """What the network sees: (pixels - mean) / std, in its channels and its layout."""
        return self.found_adapter(pixels).inputs(pixels, self._scaled)

    def _scaled(self, pixels: Tensor) -> Tensor:
        return torch.addcmul(self.shift, pixels, self.scale)

    def outputs(self, pixels: Tensor, adapter: Adapter) -> Tensor:
        outputs: Tensor = self.network(adapter.inputs(pixels, self._scaled))
        return outputs

    def found_adapter(self, pixels: Tensor) -> Adapter:
        """The adapter, found at the first pixels that come."""
        if self.adapter is not None or not len(pixels):
            return self.adapter or PLAIN
        shape = pixels.shape[2], pixels.shape[3]
        among = adapters(self.channels, None, shape, self.mean.numel(), self.known_as)
        with eval_mode(self), torch.random.fork_rng(devices=[]):
            adapter, count = find_adapter(self.outputs, pixels, self.known_as, among=among)
        if self.classes and len(self.classes) != count:
            raise PasunchatError(
                f"{self.known_as} has {count} classes, but {len(self.classes)} names are given: "
                f"{'/'.join(self.classes[:5])}"
            )
        self.adapter = adapter
        return adapter

    def predict_logits(self, pixels: Tensor, batch: int = 32) -> Tensor:
        """Logits, float32 [N, C] on the CPU, of pixels, float [N, 3, H, W] in [0, 1].

        In evaluation mode, without gradients, in fp32: whatever a result states of an image comes
        from here.
        """
        with eval_mode(self):
            parts = [self(part).float() for part in torch.split(pixels, batch)]
            logits = torch.cat(parts).cpu()
        return logits.clone()

    def logits(
        self,
        images: NDArray[np.uint8],
        rows: NDArray[np.int64] | None = None,
        *,
        batch: int = 32,
        progress: Progress = silent,
    ) -> Tensor:
        """`predict_logits` for uint8 images [M, H, W, 3], all of them or some rows.

        A batch is read at a time, so the images may be memory-mapped. progress: (images done,
        images in all).
        """
        chosen = np.arange(len(images)) if rows is None else rows
        parts = []
        for first in range(0, len(chosen), batch):
            part = images[chosen[first : first + batch]]
            parts.append(self.predict_logits(as_pixels(part, self.mean.device)))
            progress(first + len(part), len(chosen))
        return torch.cat(parts)

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Softmax of the logits, float64 [N, C], of uint8 images [N, H, W, 3]."""
        return softmax(self.logits(images))

    def predict(self, images: NDArray[np.uint8]) -> list[Prediction]:
        """Class and confidence for each of uint8 images [N, H, W, 3]."""
        return self.predictions_from_logits(self.logits(images))

    def predictions_from_logits(self, logits: Tensor) -> list[Prediction]:
        """Class and confidence for each row of logits [N, C] that this classifier gave."""
        names = [self.class_name(index) for index in range(logits.shape[1])]
        return [Prediction.from_probabilities(row, names) for row in softmax(logits)]

    def digest(self) -> str:
        """SHA-256 of weights, normalisation, classes, size and framing."""
        info = self.info
        text = repr((info.classes, info.size, info.framing, info.network_name))
        if info.mirrored:
            text += " mirrored"
        numbers = {**self.network.state_dict(), "mean": self.mean, "std": self.std}
        return digest_of(numbers, text)


def digest_of(numbers: Mapping[str, Tensor], *texts: str) -> str:
    """SHA-256 of some texts and of tensors by name, wherever and however they lie in memory."""
    parts: list[bytes | str] = [*texts]
    for name, value in sorted(numbers.items()):
        parts += [name, value.detach().cpu().contiguous().numpy().tobytes()]
    return sha256(*parts)


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode, in fp32 and without gradients; afterwards as it was."""
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad(), full_precision():
            yield
    finally:
        module.train(was_training)


def as_pixels(images: NDArray[np.uint8], device: torch.device | str = "cpu") -> Tensor:
    """Pixels, float32 [N, 3, H, W] in [0, 1] in channels_last layout, of uint8 [N, H, W, 3]."""
    plain = np.ascontiguousarray(images, dtype=np.uint8)
    rows = torch.from_numpy(plain if plain.flags.writeable else plain.copy())
    return rows.to(device).permute(0, 3, 1, 2).float().div_(255)


def as_images(pixels: Tensor) -> NDArray[np.uint8]:
    """uint8 [N, H, W, 3] of pixels that lie on the grid of 256 levels, float [N, 3, H, W].

    Raises ValueError for pixels off the grid: rounding is never done silently.
    """
    levels = pixels.detach().cpu().float() * 255
    whole = levels.round()
    if not torch.allclose(levels, whole, rtol=0, atol=1e-3):
        raise ValueError("these pixels do not lie on the 256 levels of an 8-bit file")
    array: NDArray[np.uint8] = whole.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return array


def softmax(logits: Tensor) -> NDArray[np.float64]:
    """Probabilities, float64 [N, C], of logits [N, C]: raw, no temperature."""
    result: NDArray[np.float64] = logits.double().softmax(1).numpy()
    return result


def _device(module: nn.Module) -> torch.device:
    """Where a module's numbers are; the CPU where it has none."""
    numbers = chain(module.parameters(), module.buffers())
    return next((number.device for number in numbers), torch.device("cpu"))


def _normalisation(
    mean: float | Sequence[float], std: float | Sequence[float]
) -> dict[str, Tensor]:
    """The buffers of a Classifier."""
    centre = torch.as_tensor(mean, dtype=torch.float32).reshape(1, -1, 1, 1)
    spread = torch.as_tensor(std, dtype=torch.float32).reshape(1, -1, 1, 1)
    return {"mean": centre, "std": spread, "scale": 1 / spread, "shift": -centre / spread}
