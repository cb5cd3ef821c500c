"""TRANSFORMS: what may happen to a picture, by name, and the words for lists of it."""

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from torch import Tensor
from torch.nn import functional

from pasunchat.classifiers.on_images import Step
from pasunchat.classifiers.resampling import bicubic_weights
from pasunchat.errors import PasunchatError
from pasunchat.photos.image import decode_photo

# JFIF's YCbCr of RGB, without its offsets
LUMA_CHROMA = torch.tensor(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)


@dataclass(frozen=True)
class Same:
    """The picture as it is saved."""

    def forward(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return image

    def backward(self, image: NDArray[np.uint8], gradient: Tensor) -> Tensor:  # noqa: ARG002
        return gradient


@dataclass(frozen=True)
class Jpeg:
    """Saved as JPEG and read again. quality: 1 to 100; colours at half size, Pillow's default.

    Backward: the halving of the colours is kept, the rounding of the frequencies is left out.
    """

    quality: float

    def __post_init__(self) -> None:
        _expect(1 <= self.quality <= 100 and self.quality % 1 == 0, "a quality from 1 to 100")

    def forward(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=int(self.quality))
        return np.asarray(decode_photo(file.getvalue()).picture)

    def backward(self, image: NDArray[np.uint8], gradient: Tensor) -> Tensor:  # noqa: ARG002
        luma_chroma = torch.einsum("ij,ihw->jhw", LUMA_CHROMA.inverse(), gradient)
        luma_chroma = torch.cat([luma_chroma[:1], _averaged_by_two(luma_chroma[1:])])
        return torch.einsum("ij,ihw->jhw", LUMA_CHROMA, luma_chroma)


@dataclass(frozen=True)
class Resize:
    """Scaled by `factor`, bicubic; whoever reads it scales it to the size it needs."""

    factor: float

    def __post_init__(self) -> None:
        _expect(0.01 <= self.factor <= 4, "a factor from 0.01 to 4")

    def forward(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = _scaled(image, self.factor)
        picture = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
        return np.asarray(picture)

    def backward(self, image: NDArray[np.uint8], gradient: Tensor) -> Tensor:
        height, width = gradient.shape[1:]
        rows = bicubic_weights(image.shape[0], height)
        return rows.T @ gradient @ bicubic_weights(image.shape[1], width)


@dataclass(frozen=True)
class Crop:
    """The middle of the picture: `part` of its height and of its width."""

    part: float

    def __post_init__(self) -> None:
        _expect(0.01 <= self.part <= 1, "a part from 0.01 to 1")

    def forward(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        top, left, height, width = self._window(image)
        return image[top : top + height, left : left + width]

    def backward(self, image: NDArray[np.uint8], gradient: Tensor) -> Tensor:
        top, left, height, width = self._window(image)
        whole = gradient.new_zeros(3, *image.shape[:2])
        whole[:, top : top + height, left : left + width] = gradient
        return whole

    def _window(self, image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
        height, width = _scaled(image, self.part)
        return (image.shape[0] - height) // 2, (image.shape[1] - width) // 2, height, width


@dataclass(frozen=True)
class Rotate:
    """Turned counter-clockwise by `degrees` about its middle, bilinear, at the same size; the
    corners are filled with the nearest pixels of the edge."""

    degrees: float

    def __post_init__(self) -> None:
        _expect(-180 <= self.degrees <= 180, "degrees from -180 to 180")

    def forward(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        cosine, sine = self._cosine_sine()
        down = math.ceil(max(0.0, height * (abs(cosine) - 1) + width * abs(sine)) / 2) + 1
        across = math.ceil(max(0.0, width * (abs(cosine) - 1) + height * abs(sine)) / 2) + 1
        larger = np.pad(image, ((down, down), (across, across), (0, 0)), mode="edge")
        turned = Image.fromarray(larger).rotate(self.degrees, Image.Resampling.BILINEAR)
        return np.asarray(turned)[down : down + height, across : across + width]

    def backward(self, image: NDArray[np.uint8], gradient: Tensor) -> Tensor:
        height, width = image.shape[:2]
        cosine, sine = self._cosine_sine()
        from_place = torch.tensor(
            [[[cosine, -sine * height / width, 0], [sine * width / height, cosine, 0]]]
        )
        shape = [1, 3, height, width]
        places = functional.affine_grid(from_place, shape, align_corners=False)
        with torch.enable_grad():
            before = torch.zeros(shape, requires_grad=True)
            turned = functional.grid_sample(
                before, places, padding_mode="border", align_corners=False
            )
            (result,) = torch.autograd.grad(turned, before, gradient[None])
        return result[0]

    def _cosine_sine(self) -> tuple[float, float]:
        return math.cos(math.radians(self.degrees)), math.sin(math.radians(self.degrees))


@dataclass(frozen=True)
class Brightness:
    """Every value times `factor`, cut at white."""

    factor: float

    def __post_init__(self) -> None:
        _expect(0 <= self.factor <= 4, "a factor from 0 to 4")

    def forward(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.asarray(ImageEnhance.Brightness(Image.fromarray(image)).enhance(self.factor))

    def backward(self, image: NDArray[np.uint8], gradient: Tensor) -> Tensor:
        kept = torch.from_numpy(image * self.factor <= 255).permute(2, 0, 1)
        return gradient * self.factor * kept


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"expected {what}")


def _scaled(image: NDArray[np.uint8], factor: float) -> tuple[int, int]:
    return max(1, round(image.shape[0] * factor)), max(1, round(image.shape[1] * factor))


def _averaged_by_two(values: Tensor) -> Tensor:
    """[C, H, W], every square of two by two pixels replaced by its mean."""
    height, width = values.shape[1:]
    means = functional.avg_pool2d(values[None], 2, ceil_mode=True)[0]
    return means.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, :height, :width]


TRANSFORMS: Mapping[str, Callable[[float], Step]] = {
    "jpeg": Jpeg,
    "resize": Resize,
    "crop": Crop,
    "rotate": Rotate,
    "brightness": Brightness,
}


@dataclass(frozen=True)
class Transform:
    """A step and the word for it: "jpeg:75"."""

    word: str
    step: Step


AS_SAVED = Transform("as-saved", Same())


def transforms(text: str) -> tuple[Transform, ...]:
    """The transforms of "jpeg:75,resize:0.5,rotate:3".

    Raises PasunchatError for unknown names, for settings out of range, and for an empty list.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise PasunchatError('expected a list such as "jpeg:75,resize:0.5,rotate:3", got nothing')
    return tuple(_transform(word) for word in words)


def _transform(word: str) -> Transform:
    name, colon, setting = word.partition(":")
    if name not in TRANSFORMS or not colon:
        there = ", ".join(f"{name}:NUMBER" for name in TRANSFORMS)
        raise PasunchatError(f'unknown transform "{word}"; there are: {there}')
    try:
        return Transform(word, TRANSFORMS[name](float(setting)))
    except ValueError as error:
        reason = str(error) if str(error).startswith("expected") else "expected a number"
        raise PasunchatError(f'transform "{word}": {reason}') from error
