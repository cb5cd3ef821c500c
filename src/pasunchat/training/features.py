"""Training only the head of a network: its frozen base runs once, and its features are kept.

The features of all photos, float32 [N, F], lie in the cache folder, so that a second training of a
head on the same dataset begins at once.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier, as_pixels, digest_of
from pasunchat.classifiers.folding import fold_batch_norm
from pasunchat.classifiers.modes import eval_mode
from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.photos.dataset import Dataset
from pasunchat.progress import Progress, silent
from pasunchat.runtime import Runtime, generator
from pasunchat.storage import cache_folder, whole_file
from pasunchat.training.inputs import Targets
from pasunchat.training.recipe import Recipe

BATCH = 32


class FeatureInputs:
    """The photos as features of the frozen base, [N, F], and as those of their mirror images where
    the recipe uses them. An `Inputs`, as in inputs.py."""

    def __init__(
        self,
        classifier: Classifier,
        dataset: Dataset,
        recipe: Recipe,
        runtime: Runtime,
        progress: Progress = silent,
    ) -> None:
        self.recipe, self.device = recipe, runtime.device
        self.labels = torch.from_numpy(dataset.labels).to(self.device)
        self.values = self._on_device(features(classifier, dataset, runtime, progress))
        self.mirrored: Tensor | None = None
        if recipe.mirrored or recipe.augment.flip:
            mirrored = features(classifier, dataset, runtime, progress, mirrored=True)
            self.mirrored = self._on_device(mirrored)

    def _on_device(self, values: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.array(values)).to(self.device)

    def module(self, classifier: Classifier) -> nn.Module:
        return head_of(classifier)

    def batch(self, rows: NDArray[np.int64], epoch: int, step: int) -> tuple[Tensor, Targets]:
        chosen = torch.from_numpy(rows).to(self.values.device)
        values, flip = self.values[chosen], self.recipe.augment.flip
        if self.mirrored is not None and flip:
            draw = generator(self.recipe.seed, "flip", epoch, step)
            flipped = torch.rand(len(rows), generator=draw).to(values) < flip
            values = torch.where(flipped[:, None], self.mirrored[chosen], values)
        return values, Targets(self.labels[chosen])

    def logits(self, classifier: Classifier, rows: NDArray[np.int64]) -> Tensor:
        head, chosen = head_of(classifier), torch.from_numpy(rows).to(self.values.device)
        with eval_mode(head):
            logits: Tensor = head(self.values[chosen])
            if self.recipe.mirrored and self.mirrored is not None:
                logits = (logits + head(self.mirrored[chosen])) / 2
        return logits.float().cpu().clone()


def head_of(classifier: Classifier) -> nn.Module:
    """The head of a network with a frozen base."""
    assert isinstance(classifier.network, BaseAndHead)
    return classifier.network.head


def features(
    classifier: Classifier,
    dataset: Dataset,
    runtime: Runtime,
    progress: Progress = silent,
    *,
    mirrored: bool = False,
) -> NDArray[np.float32]:
    """The base's features of every photo, or of its mirror image, float32 [N, F], memory-mapped.

    Taken from the cache if they are there: the key is a digest of data, normalisation, weights and
    precision. Killed and called again, it goes on after the last finished batch.
    """
    assert isinstance(classifier.network, BaseAndHead)
    base, direction = classifier.network.base, -1 if mirrored else 1
    name = _key(classifier, base, dataset, runtime) + "-mirrored" * mirrored
    path = cache_folder() / "features" / f"{name}.npy"
    if not path.is_file():
        folded = fold_batch_norm(base.eval())

        def of(rows: slice) -> NDArray[np.float32]:
            return _of_images(classifier, folded, dataset.pixels[rows, :, ::direction], runtime)

        _write_features(path, of, len(dataset.labels), progress)
    values: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return values


def _key(classifier: Classifier, base: nn.Module, dataset: Dataset, runtime: Runtime) -> str:
    numbers = {**base.state_dict(), "mean": classifier.mean, "std": classifier.std}
    return digest_of(numbers, dataset.digest, runtime.precision)[:32]


def _write_features(
    path: Path, of: Callable[[slice], NDArray[np.float32]], total: int, progress: Progress
) -> None:
    """Append the features batch by batch to a part file, then make a NumPy file of it.

    of: rows of the dataset -> their features. total: photos of the dataset.
    """
    part = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    size = of(slice(0, 1)).shape[1]
    with part.open("ab") as file:
        done = file.tell() // (4 * size) // BATCH * BATCH  # whole batches of float32
        file.truncate(4 * size * done)
        for first in range(done, total, BATCH):
            progress(first, total)
            file.write(of(slice(first, first + BATCH)).tobytes())
            file.flush()
    whole = np.fromfile(part, np.float32).reshape(total, size)
    with whole_file(path) as unfinished:
        np.save(unfinished, whole)
    part.unlink()
    progress(total, total)


def _of_images(
    classifier: Classifier, base: nn.Module, images: NDArray[np.uint8], runtime: Runtime
) -> NDArray[np.float32]:
    """The features, float32 [N, F], of uint8 images [N, H, W, 3]."""
    pixels = as_pixels(images, runtime.device)
    with torch.inference_mode(), runtime.autocast():
        found: Tensor = base(classifier.normalised(pixels))
    values: NDArray[np.float32] = found.float().cpu().numpy()
    return values
