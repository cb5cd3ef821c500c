"""Classifier: pixels in [0, 1] in, logits out; it owns everything in between."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pasunchat.framing import Decode, Framing
from pasunchat.progress import Progress, silent
from pasunchat.runtime import full_precision
from pasunchat.storage import sha256


class Classifier(nn.Module):
    """A network with its normalisation, class names, picture size and framing.

    Called with pixels, float [N, 3, H, W] in [0, 1], it gives logits [N, C]; the network inside
    sees (pixels - mean) / std. Any torch module that gives logits is wrapped in one line:
    `Classifier(model, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))`.

    classes: names in the order of the logits; without them, numbers. size: side of the pictures
    in pixels, None where any will do. network_name: how NETWORKS spells the network, None for one
    from outside. mirrored: outside training, the mean of the logits of a picture and its mirror
    image. known_as: how it was asked for. decode: how the photos it learnt from were decoded.
    """

    mean: Tensor
    std: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        classes: Sequence[str] = (),
        size: int | None = None,
        framing: Framing = "pad",
        decode: Decode = "exact",
        mirrored: bool = False,
        network_name: str | None = None,
        trained_on: str | None = None,
        origin: Path | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.classes = tuple(classes)
        self.size = size
        self.framing: Framing = framing
        self.decode: Decode = decode
        self.mirrored = mirrored
        self.network_name = network_name
        self.trained_on = trained_on
        self.origin = origin
        self.known_as = str(origin) if origin else network_name or type(network).__name__
        for name, value in _normalisation(mean, std).items():
            self.register_buffer(name, value, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [N, C] of pixels, float [N, 3, H, W] in [0, 1]."""
        logits = self._logits(pixels)
        if self.mirrored and not self.training:
            logits = (logits + self._logits(pixels.flip(3))) / 2
        return logits

    def _logits(self, pixels: Tensor) -> Tensor:
        inside = getattr(self.network, "normalising", None)  # a network that does it on the way
        logits: Tensor | None = inside(pixels, self.scale, self.shift) if inside else None
        return self.network(self.normalised(pixels)) if logits is None else logits

    def normalised(self, pixels: Tensor) -> Tensor:
        """What the network sees: (pixels - mean) / std."""
        return torch.addcmul(self.shift, pixels, self.scale)

    def class_name(self, index: int) -> str:
        """The name of a class, or its number where there are no names."""
        return self.classes[index] if self.classes else str(index)

    def predict_logits(self, pixels: Tensor, batch: int = 32) -> Tensor:
        """Logits, float32 [N, C] on the CPU, of pixels, float [N, 3, H, W] in [0, 1].

        In evaluation mode, without gradients, in fp32. Everything that judges a picture asks here.
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
        """What `predict_logits` says of uint8 images [M, H, W, 3], all or some rows; a batch at a time is
        read, so they may be memory-mapped."""
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

    def digest(self) -> str:
        """SHA-256 of weights, normalisation, classes, size and framing."""
        facts = repr((self.classes, self.size, self.framing, self.network_name))
        if self.mirrored:
            facts += " mirrored"
        numbers = {**self.network.state_dict(), "mean": self.mean, "std": self.std}
        return digest_of(numbers, facts)


def digest_of(numbers: Mapping[str, Tensor], *facts: str) -> str:
    """SHA-256 of some facts and of tensors by name, wherever and however they lie in memory."""
    parts: list[bytes | str] = [*facts]
    for name, value in sorted(numbers.items()):
        parts += [name, value.detach().cpu().contiguous().numpy().tobytes()]
    return sha256(*parts)


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode, in fp32 and without gradients; afterwards as it was."""
    was_training = module.training
    module.eval()
    try:
        with torch.inference_mode(), full_precision():
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


def _normalisation(
    mean: float | Sequence[float], std: float | Sequence[float]
) -> dict[str, Tensor]:
    centre = torch.as_tensor(mean, dtype=torch.float32).reshape(1, -1, 1, 1)
    spread = torch.as_tensor(std, dtype=torch.float32).reshape(1, -1, 1, 1)
    return {"mean": centre, "std": spread, "scale": 1 / spread, "shift": -centre / spread}
