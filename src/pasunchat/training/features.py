"""A frozen base, run once over the photos; its features are kept, and a head learns from them."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier, as_pixels, digest_of, evaluating
from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.classifiers.networks.folding import fold_batch_norm
from pasunchat.photos.dataset import Dataset
from pasunchat.progress import Progress, silent
from pasunchat.runtime import Machine
from pasunchat.storage import cache_folder, whole_file
from pasunchat.training.inputs import Wanted

BATCH = 32


class Features:
    """The features of a dataset's photos, [N, F], in place of their pixels."""

    def __init__(self, dataset: Dataset, values: NDArray[np.float32], on: Machine) -> None:
        self.labels = torch.from_numpy(dataset.labels).to(on.device)
        self.values = torch.from_numpy(np.array(values)).to(on.device)

    def learner(self, classifier: Classifier) -> nn.Module:
        return head_of(classifier)

    def batch(self, rows: NDArray[np.int64], epoch: int, step: int) -> tuple[Tensor, Wanted]:  # noqa: ARG002
        chosen = torch.from_numpy(rows).to(self.values.device)
        return self.values[chosen], Wanted(self.labels[chosen])

    def logits(self, classifier: Classifier, rows: NDArray[np.int64]) -> Tensor:
        head = head_of(classifier)
        with evaluating(head):
            found: Tensor = head(self.values[torch.from_numpy(rows).to(self.values.device)])
        return found.float().cpu().clone()


def head_of(classifier: Classifier) -> nn.Module:
    """The head of a network with a frozen base."""
    assert isinstance(classifier.network, BaseAndHead)
    return classifier.network.head


def features(
    classifier: Classifier, dataset: Dataset, on: Machine, progress: Progress = silent
) -> NDArray[np.float32]:
    """What the base makes of every photo, float32 [N, F]; taken from the cache where it is there.

    The key is of data, normalisation, weights and precision. Killed and called again, it goes on
    after the last finished batch.
    """
    assert isinstance(classifier.network, BaseAndHead)
    base = classifier.network.base
    path = cache_folder() / "features" / f"{_key(classifier, base, dataset, on)}.npy"
    if not path.is_file():
        _run(classifier, fold_batch_norm(base.eval()), dataset, on, path, progress)
    values: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return values


def _key(classifier: Classifier, base: nn.Module, dataset: Dataset, on: Machine) -> str:
    numbers = {**base.state_dict(), "mean": classifier.mean, "std": classifier.std}
    return digest_of(numbers, dataset.digest, on.precision)[:32]


def _run(
    classifier: Classifier,
    base: nn.Module,
    dataset: Dataset,
    on: Machine,
    path: Path,
    progress: Progress,
) -> None:
    """Append the features batch by batch to a part file, then make a NumPy file of it."""
    part, total = path.with_suffix(".part"), len(dataset.labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    size = _of(classifier, base, dataset, slice(0, 1), on).shape[1]
    with part.open("ab") as file:
        done = file.tell() // (4 * size) // BATCH * BATCH
        file.truncate(4 * size * done)
        for first in range(done, total, BATCH):
            progress(first, total)
            values = _of(classifier, base, dataset, slice(first, first + BATCH), on)
            file.write(values.tobytes())
            file.flush()
    whole = np.fromfile(part, np.float32).reshape(total, size)
    with whole_file(path) as unfinished:
        np.save(unfinished, whole)
    part.unlink()
    progress(total, total)


def _of(
    classifier: Classifier, base: nn.Module, dataset: Dataset, rows: slice, on: Machine
) -> NDArray[np.float32]:
    pixels = as_pixels(dataset.pixels[rows], on.device)
    with torch.inference_mode(), on.autocast():
        found: Tensor = base(classifier.normalised(pixels))
    values: NDArray[np.float32] = found.float().cpu().numpy()
    return values
