"""Classifier: pixels in [0, 1] in, logits out; it owns everything in between."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pasunchat.classifiers.adapter import PLAIN_ADAPTER, Adapter, adapter_for, adapters
from pasunchat.classifiers.channels import Channels, Layout
from pasunchat.classifiers.company import Company, company_of
from pasunchat.classifiers.heads import Ending
from pasunchat.classifiers.info import ClassifierInfo
from pasunchat.classifiers.modes import buffers_kept, eval_mode, outside_inference_mode, set_mode
from pasunchat.classifiers.outputs import in_one_line, logits_in
from pasunchat.errors import PasunchatError, PasunchatWarning
from pasunchat.framing import Decode, Framing
from pasunchat.progress import Progress, silent
from pasunchat.runtime import generator
from pasunchat.storage import sha256

PLAIN = (bool, int, float, str, torch.dtype, type(None))  # values of which repr says all


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

    A network from outside gets its pixels contiguous, and in its weights' number type where it
    does not take float32. It may be asked one picture at a time (`company`); it is not changed.
    """

    network: nn.Module
    info: ClassifierInfo
    origin: Path | None  # the folder it was loaded from
    known_as: str  # the name it was loaded by, else what its network is called
    channels: Channels | None  # that the network takes; None: not stated
    adapter: Adapter | None  # None until it is found
    company: Company | None  # where it is not SAME, pictures are asked alone; None: not yet known
    takes: torch.dtype | None  # the type of numbers that the network takes; None: as they come
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
        self.channels = channels
        self.adapter = self.company = self.takes = None
        with outside_inference_mode():
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
        classifier.adapter = PLAIN_ADAPTER
        classifier.info = info
        classifier.known_as = info.network_name or classifier.known_as
        classifier.company = Company.SAME if classifier.is_ours else None
        return classifier

    @property
    def is_ours(self) -> bool:
        """Whether its network is one of NETWORKS."""
        return self.info.network_name is not None

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

    def train(self, mode: bool = True) -> Self:
        """As of any module; a network that has one mode only stays as it is."""
        self.training = mode
        for part in self.children():
            set_mode(part, mode)
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [N, C] of pixels, float [N, 3, H, W] in [0, 1]."""
        alone = self.company not in (None, Company.SAME) and not self.training
        if alone and pixels.shape[0] > 1:
            return torch.cat([self._answer(picture) for picture in torch.split(pixels, 1)])
        return self._answer(pixels)

    def _answer(self, pixels: Tensor) -> Tensor:
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
        return self._shown(pixels, self.found_adapter(pixels))

    def outputs(self, pixels: Tensor, adapter: Adapter) -> Tensor:
        """What the network gives, [N, C] or [N], for pixels, float [N, 3, H, W] in [0, 1]."""
        return logits_in(self.run(self._shown(pixels, adapter)), pixels.shape[0])

    def _shown(self, pixels: Tensor, adapter: Adapter) -> Tensor:
        shown = adapter.inputs(pixels, lambda some: torch.addcmul(self.shift, some, self.scale))
        return shown if self.is_ours else shown.contiguous()

    def run(self, shown: Tensor) -> object:
        """Whatever the network gives for normalised pixels, float [N, 3, H, W]."""
        try:
            return self.network(shown if self.takes is None else shown.to(self.takes))
        except RuntimeError:
            takes = number_type(self.network)
            if takes in (None, self.takes or shown.dtype):
                raise
            outputs: object = self.network(shown.to(takes))
            self.takes = takes
            return outputs

    @contextmanager
    def as_judge(self) -> Iterator[None]:
        """A block in which it answers as in evaluation, in fp32 and without gradients; afterwards
        it is as it was, with the statistics that a network from outside may move when asked."""
        kept = nullcontext() if self.is_ours else buffers_kept(self.network)
        with eval_mode(self), kept:
            yield

    def find_company(self, pixels: Tensor) -> None:
        """Find out, if it is not known, whether an answer depends on the pictures beside it.

        pixels: a few pictures, float [N, 3, H, W] in [0, 1]. Warns, once, where it does. Raises
        PasunchatError where the network cannot be asked about one picture alone.
        """
        if self.company is not None:
            return
        with self.as_judge():
            self.company = company_of(
                self.network, lambda some: self.run(self.normalised(some)), pixels
            )
        if self.company is Company.OTHER:
            warnings.warn(
                f"{self.known_as}: the answer to a picture depends on the pictures beside it (a "
                "batch norm in training mode, or without statistics?); each is asked alone here",
                PasunchatWarning,
                stacklevel=2,
            )

    def found_adapter(self, pixels: Tensor) -> Adapter:
        """The adapter, found at the first pixels that come, float [N, 3, H, W] in [0, 1]; the plain
        one while torch exports or compiles, where no answer can be looked at."""
        if self.adapter is None and len(pixels) and not torch.compiler.is_compiling():
            count = self.find_adapter(pixels)
            if self.classes and len(self.classes) != count:
                self.adapter = None
                raise PasunchatError(
                    f"{self.known_as} has {count} classes, but {len(self.classes)} names are "
                    f"given: {'/'.join(self.classes[:5])}"
                )
        return self.adapter or PLAIN_ADAPTER

    def find_adapter(
        self, pixels: Tensor, *, layout: Layout | None = None, ending: Ending | None = None
    ) -> int:
        """Find out which channels, which layout and which head the network needs, by its answer to
        the first of some pixels. Returns how many classes it tells apart.

        layout, ending: of its file, where they are known. Raises what the network raises.
        """
        shape = pixels.shape[2], pixels.shape[3]
        among = adapters(self.channels, layout, shape, self.mean.numel(), self.known_as)
        with self.as_judge(), torch.random.fork_rng(devices=[]):
            self.adapter, count = adapter_for(
                self.outputs, pixels[:1], self.known_as, among=among, ending=ending
            )
        return count

    def predict_logits(self, pixels: Tensor, batch: int = 32) -> Tensor:
        """Logits, float32 [N, C] on the CPU, of pixels, float [N, 3, H, W] in [0, 1].

        In evaluation mode, without gradients, in fp32: whatever a result states of an image comes
        from here. Raises PasunchatError where the network cannot be run on such pixels.
        """
        if self.company is None and len(pixels):
            self.find_company(with_noise(pixels[:1]))
        with self.as_judge(), in_one_line(cannot_run(pixels)):
            parts = [self(part).float() for part in torch.split(pixels, batch)]
            return torch.cat(parts).cpu()

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
        images in all). Raises PasunchatError for logits that are not finite.
        """
        chosen = np.arange(len(images)) if rows is None else rows
        parts = []
        for first in range(0, len(chosen), batch):
            part = images[chosen[first : first + batch]]
            parts.append(finite(self.predict_logits(as_pixels(part, self.mean.device))))
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


def digest_of(numbers: Mapping[str, object], *texts: str) -> str:
    """SHA-256 of some texts and of tensors by name, wherever and however they lie in memory."""
    parts: list[bytes | str] = [*texts]
    for name, value in sorted(numbers.items()):
        parts += [name, *_bytes_of(value)]
    return sha256(*parts)


def _bytes_of(value: object) -> list[bytes | str]:
    """What a digest covers of a value in a state_dict: quantised layers keep pairs and types."""
    if isinstance(value, tuple | list):
        return [part for each in value for part in _bytes_of(each)]
    if not isinstance(value, Tensor):
        return [repr(value) if isinstance(value, PLAIN) else type(value).__name__]
    if value.is_quantized:
        return [str(value.dtype), *_bytes_of(value.int_repr()), *_bytes_of(value.dequantize())]
    flat = value.detach().cpu().contiguous().reshape(-1)
    return [flat.view(torch.uint8).numpy().tobytes()]


def number_type(network: nn.Module) -> torch.dtype | None:
    """The type of the first of its numbers that have a fraction; None where there are none."""
    for values in (network.parameters(), network.buffers()):
        for value in values:
            if value.is_floating_point():
                return value.dtype
    return None


def cannot_run(pixels: Tensor) -> str:
    """What is said where a network raises an error on pixels [N, 3, H, W]."""
    return "the network cannot be run on images of {} x {} pixels".format(*pixels.shape[2:])


def with_noise(pixels: Tensor) -> Tensor:
    """Pixels [N, 3, H, W], and behind them as many of noise."""
    noise = torch.rand(pixels.shape, generator=generator("company"))
    return torch.cat([pixels, noise.to(pixels)])


def finite(logits: Tensor) -> Tensor:
    """The logits, if all of them are numbers; else raises PasunchatError."""
    if not bool(logits.isfinite().all()):
        raise PasunchatError(
            "the classifier's logits are not finite numbers on these photos; check its weights "
            "and its normalisation (mean and std)"
        )
    return logits


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
