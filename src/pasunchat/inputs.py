"""What people have at hand, photos and labels of many kinds, as pixels and classes.

A value with one plain meaning is taken; any other raises PasunchatError.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.errors import PasunchatError
from pasunchat.photos.image import as_photo, read_photo

Photo = Tensor | NDArray[Any] | Image.Image | Path | str
Photos = Photo | Iterable[Photo]
Labels = int | str | Tensor | NDArray[Any] | Iterable[int | str]

COLOURS = 3
OVERSHOOT = 1e-6  # what taking a normalisation back may add to a value in [0, 1]
OFF_GRID = 1e-4  # farther than this from every level: off the grid
SHOWN = 8  # class names in a message


def pixels_of(photos: Photos, classifier: Classifier) -> Tensor:
    """Pixels, float32 [N, 3, H, W] in [0, 1], without a gradient, on the classifier's device.

    photos: one or more, in one value or in a list, of these kinds:
    a tensor [N, 3, H, W] or [3, H, W], float in [0, 1] or uint8, with 1 in place of 3 for grey; an
    array, likewise, or with its colours last, as images are, or [H, W] for grey; a Pillow image or
    the path of a file, which are framed as the classifier states (a Pillow image is taken as it is
    where no size is stated).
    """
    parts = [_pixels(photo, classifier) for photo in _listed(photos)]
    if not any(len(part) for part in parts):
        raise PasunchatError("photos: expected one or more, got none; give a path or pixels")
    shapes = sorted({tuple(part.shape[2:]) for part in parts})
    if len(shapes) > 1:
        raise PasunchatError(
            f"photos: expected one height and width, got {' and '.join(map(str, shapes[:2]))}; "
            "resize them, or give them one by one"
        )
    pixels = torch.cat(parts)
    lowest, highest = float(pixels.min()), float(pixels.max())
    if not (lowest >= -OVERSHOOT and highest <= 1 + OVERSHOOT):
        raise PasunchatError(
            f"expected pixels in [0, 1], got {lowest:g} to {highest:g}; divide by 255, and leave "
            "mean and std to the Classifier"
        )
    pixels = pixels.clamp(0, 1).to(classifier.mean.device)
    return pixels.contiguous(memory_format=torch.channels_last)


def off_grid(pixels: Tensor, levels: int) -> bool:
    """Whether some pixel in [0, 1] lies on none of so many levels."""
    scaled = pixels * (levels - 1)
    return bool(((scaled.round() - scaled).abs() > OFF_GRID * (levels - 1)).any())


def classes_of(labels: Labels, names: list[str], count: int) -> Tensor:
    """Classes, int64 [N], of one label for all N photos or one for each: their places among the
    names, or the names."""
    values = _label_values(labels)
    if values.dtype.kind == "U":
        values = np.vectorize(lambda name: _place(name, names), otypes=[np.int64])(values)
    if values.shape == (count, 1):
        values = values[:, 0]
    if values.shape not in ((), (count,)):
        one_hot = "; of one-hot labels take labels.argmax(1)" if values.ndim == 2 else ""
        raise PasunchatError(
            f"labels: expected one class for each of {count} photos, got {list(values.shape)} of "
            f"them{one_hot}"
        )
    if values.dtype.kind not in "iuf" or (values != np.trunc(values)).any():
        raise PasunchatError(
            f"labels: expected places or names of classes, got {values.dtype}; give whole numbers"
        )
    classes = torch.from_numpy(np.broadcast_to(values, (count,)).astype(np.int64))
    return in_range(classes, len(names))


def in_range(classes: Tensor, total: int) -> Tensor:
    """The classes, if the classifier has each of them; else raises PasunchatError."""
    outside = classes[(classes < 0) | (classes >= total)]
    if len(outside):
        raise PasunchatError(
            f"labels: expected classes from 0 to {total - 1}, as many as the classifier has, got "
            f"{int(outside[0])}; give places among its outputs, or names"
        )
    return classes


def _listed(photos: Photos) -> list[Any]:
    one = isinstance(photos, Tensor | np.ndarray | Image.Image | Path | str | Mapping)
    return [photos] if one or not isinstance(photos, Iterable) else list(photos)


def _pixels(photo: Any, classifier: Classifier) -> Tensor:
    """Pixels, float32 [N, 3, H, W], of one value that may hold several."""
    if isinstance(photo, Tensor):
        return _of_tensor(photo.detach(), (1, 3))
    if isinstance(photo, np.ndarray):
        return _of_array(photo)
    if isinstance(photo, Image.Image):
        upright = as_photo(photo)
        if classifier.size is None:
            return as_pixels(np.asarray(upright.picture)[None])
        return as_pixels(upright.square(classifier.size, classifier.framing)[None])
    if isinstance(photo, str | Path):
        if classifier.size is None:
            raise PasunchatError(
                "this classifier states no picture size; give pixels, not files, or "
                "Classifier(model, size=224)"
            )
        seen_as = classifier.size, classifier.framing, classifier.decode
        return as_pixels(read_photo(Path(photo), *seen_as)[None])
    raise PasunchatError(
        "photos: expected tensors, arrays, Pillow images or paths of files, got "
        f"{type(photo).__name__}; give pixels as float [N, 3, H, W] in [0, 1]"
    )


def _of_array(array: NDArray[Any]) -> Tensor:
    if array.dtype.kind not in "fu":
        raise _unfit(array.dtype, array.shape)
    kind = np.float32 if array.dtype.kind == "f" else array.dtype
    rows = array[..., None] if array.ndim == 2 else array
    return _of_tensor(torch.from_numpy(rows.astype(kind, order="C")), (3, 1))


def _of_tensor(values: Tensor, colour_axes: tuple[int, int]) -> Tensor:
    """colour_axes: which axis of [N, 3, H, W] or [N, H, W, 3] holds the colours, the likelier
    first. One in place of three is grey, which is three equal colours."""
    rows = values[None] if values.ndim == 3 else values
    axes = [(axis, colours) for colours in (COLOURS, 1) for axis in colour_axes]
    fitting = [axis for axis, n in axes if rows.ndim == 4 and rows.shape[axis] == n]
    if not fitting or not (rows.is_floating_point() or rows.dtype == torch.uint8):
        raise _unfit(values.dtype, values.shape)
    if fitting[0] != 1:
        rows = rows.permute(0, 3, 1, 2)
    rows = rows.expand(-1, COLOURS, -1, -1)
    return rows.float() if rows.is_floating_point() else rows.float() / 255


def _unfit(kind: object, shape: Iterable[int]) -> PasunchatError:
    return PasunchatError(
        f"expected pixels as float [N, 3, H, W] in [0, 1] or uint8, got {kind} {list(shape)}; "
        "convert them to one of these"
    )


def _label_values(labels: Any) -> NDArray[Any]:
    """The labels as an array of whatever shape."""
    if isinstance(labels, Tensor):
        return np.asarray(labels.detach().cpu())
    if isinstance(labels, Iterable) and not isinstance(labels, str | np.ndarray | Mapping):
        labels = [each.item() if isinstance(each, Tensor) else each for each in labels]
    try:
        values = np.asarray(labels)
    except ValueError as error:
        raise PasunchatError(
            "labels: expected one class for each photo, got lists of several lengths; give a flat "
            "list"
        ) from error
    if values.dtype.kind not in "iufU":
        raise PasunchatError(
            f"labels: expected places or names of classes, got {type(labels).__name__} of "
            f"{values.dtype}; give whole numbers or names"
        )
    return values


def _place(name: str, names: list[str]) -> int:
    if names.count(name) != 1:
        known = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
        fault = "several classes are" if name in names else "no class is"
        raise PasunchatError(
            f'labels: {fault} called "{name}"; give its place among the outputs, or one of: {known}'
        )
    return names.index(name)
