"""A frozen base, run once over the photos; its features are kept, and a head learns from them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier, as_pixels, digest_of, eval_mode
from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.classifiers.networks.folding import fold_batch_norm
from pasunchat.photos.dataset import Dataset
from pasunchat.progress import Progress, silent
from pasunchat.runtime import Machine, generator
from pasunchat.storage import cache_folder, whole_file
from pasunchat.training.inputs import Wanted
from pasunchat.training.recipe import Recipe

BATCH = 32


class Features:
    """The features of a dataset's photos, [N, F], in place of their pixels; and of their mirror
    images, where the recipe asks for them."""

    def __init__(
        self, classifier: Classifier, dataset: Dataset, recipe: Recipe, on: Machine, told: Progress
    ) -> None:
        self.recipe, self.on = recipe, on
        self.labels = torch.from_numpy(dataset.labels).to(on.device)
        self.values = self._kept(features(classifier, dataset, on, told))
        self.mirror: Tensor | None = None
        if recipe.mirrored or recipe.augment.flip:
            self.mirror = self._kept(features(classifier, dataset, on, told, mirrored=True))

    def _kept(self, values: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.array(values)).to(self.on.device)

    def learner(self, classifier: Classifier) -> nn.Module:
        return head_of(classifier)

    def batch(self, rows: NDArray[np.int64], epoch: int, step: int) -> tuple[Tensor, Wanted]:
        chosen = torch.from_numpy(rows).to(self.values.device)
        values, flip = self.values[chosen], self.recipe.augment.flip
        if self.mirror is not None and flip:
            draw = generator(self.recipe.seed, "flip", epoch, step)
            turned = torch.rand(len(rows), generator=draw).to(values) < flip
            values = torch.where(turned[:, None], self.mirror[chosen], values)
        return values, Wanted(self.labels[chosen])

    def logits(self, classifier: Classifier, rows: NDArray[np.int64]) -> Tensor:
        head, chosen = head_of(classifier), torch.from_numpy(rows).to(self.values.device)
        with eval_mode(head):
            found: Tensor = head(self.values[chosen])
            if self.recipe.mirrored and self.mirror is not None:
                found = (found + head(self.mirror[chosen])) / 2
        return found.float().cpu().clone()


def head_of(classifier: Classifier) -> nn.Module:
    """The head of a network with a frozen base."""
    assert isinstance(classifier.network, BaseAndHead)
    return classifier.network.head


def features(
    classifier: Classifier,
    dataset: Dataset,
    on: Machine,
    progress: Progress = silent,
    *,
    mirrored: bool = False,
) -> NDArray[np.float32]:
    """What the base makes of every photo, or of its mirror image, float32 [N, F]; taken from the
    cache where it is there.

    The key is of data, normalisation, weights and precision. Killed and called again, it goes on
    after the last finished batch.
    """
    assert isinstance(classifier.network, BaseAndHead)
    base, way = classifier.network.base, -1 if mirrored else 1
    name = _key(classifier, base, dataset, on) + "-mirrored" * mirrored
    path = cache_folder() / "features" / f"{name}.npy"
    if not path.is_file():
        folded = fold_batch_norm(base.eval())

        def of(rows: slice) -> NDArray[np.float32]:
            return _of(classifier, folded, dataset.pixels[rows, :, ::way], on)

        _run(of, len(dataset.labels), path, progress)
    values: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return values


def _key(classifier: Classifier, base: nn.Module, dataset: Dataset, on: Machine) -> str:
    numbers = {**base.state_dict(), "mean": classifier.mean, "std": classifier.std}
    return digest_of(numbers, dataset.digest, on.precision)[:32]


def _run(
    of: Callable[[slice], NDArray[np.float32]], total: int, path: Path, progress: Progress
) -> None:
    """Append the features batch by batch to a part file, then make a NumPy file of it."""
    part = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    size = of(slice(0, 1)).shape[1]
    with part.open("ab") as file:
        done = file.tell() // (4 * size) // BATCH * BATCH
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


def _of(
    classifier: Classifier, base: nn.Module, images: NDArray[np.uint8], on: Machine
) -> NDArray[np.float32]:
    pixels = as_pixels(images, on.device)
    with torch.inference_mode(), on.autocast():
        found: Tensor = base(classifier.normalised(pixels))
    values: NDArray[np.float32] = found.float().cpu().numpy()
    return values
