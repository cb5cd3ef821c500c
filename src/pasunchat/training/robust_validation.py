"""How a defended network is measured after each epoch: validation photos attacked, or under noise.

A measure for choosing among epochs, by four steps of PGD; how robust the finished network is, its
training does not say: `pasunchat attack` does.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.modes import evaluating, frozen
from pasunchat.norms import Norm
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Runtime, generator
from pasunchat.training.defences import Defending
from pasunchat.training.defences.defence import ALL_STEPS
from pasunchat.training.defences.noise import noisy

PHOTOS = 256  # validation photos that are attacked: with fewer, chance chooses among the epochs
STEPS = 4  # of PGD; ten take twice the time, and fool one photo in a hundred more
NOISES = 4  # draws of noise for each photo
BATCH = 32


class RobustValidation(NamedTuple):
    """What became of the validation photos. Shares are means over the classes: an answer that is
    the same for all photos is right for one class of C."""

    accuracy: float  # still right
    one_step: float | None  # still right after one step of the whole radius; None under noise
    answers: tuple[float, ...]  # the share of each class among the answers


def robust_validation(
    classifier: Classifier, dataset: Dataset, defence: Defending, runtime: Runtime, seed: int
) -> RobustValidation:
    """Measure the classifier at the full radius, on at most 256 validation photos: the same photos,
    and the same draws, in every epoch."""
    rows = validation_sample(dataset, seed)
    labels = torch.from_numpy(dataset.labels[rows])
    keys = torch.randint(2**62, (len(rows),), generator=generator(seed, "attacked"))
    found = []
    for part in torch.split(torch.arange(len(rows)), BATCH):
        pixels = as_pixels(dataset.pixels[rows[part.numpy()]], runtime.device)
        radius = torch.full((len(part),), defence.radius, device=runtime.device)
        with evaluating(classifier), frozen(classifier), runtime.autocast():
            if defence.is_noise:
                found.append(_under_noise(classifier, pixels, radius, keys[part]))
            else:
                real = labels[part].to(runtime.device)
                found.append(_attacked(classifier, pixels, real, defence.norm, radius, keys[part]))
    answers = torch.cat(found).cpu()  # [N, K]
    count = len(dataset.classes)
    right = _balanced(answers, labels, count)
    shares = np.bincount(answers[:, -1].numpy(), minlength=count) / len(rows)
    if defence.is_noise:
        return RobustValidation(float(right.mean()), None, tuple(shares.tolist()))
    return RobustValidation(float(right[1]), float(right[0]), tuple(shares.tolist()))


def validation_sample(dataset: Dataset, seed: int) -> NDArray[np.int64]:
    """At most 256 rows of validation photos, int64 [N], rising."""
    rows = dataset.rows("validation")
    order = torch.randperm(len(rows), generator=generator(seed, "validated")).numpy()
    return np.sort(rows[order[:PHOTOS]])


def _balanced(answers: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The share of right answers, each class counted alike: [N, K] -> [K]."""
    right = (answers == labels[:, None]).double()
    there = [label for label in range(classes) if (labels == label).any()]
    return torch.stack([right[labels == label].mean(0) for label in there]).mean(0)


def _under_noise(classifier: Classifier, pixels: Tensor, sigma: Tensor, keys: Tensor) -> Tensor:
    """The answers under a few draws of noise, int64 [N, K]."""
    with torch.no_grad():
        draws = [noisy(pixels, sigma, keys + draw) for draw in range(NOISES)]
        return torch.stack([classifier(each).argmax(1) for each in draws], 1)


def _attacked(
    classifier: Classifier, photos: Tensor, labels: Tensor, norm: Norm, radius: Tensor, keys: Tensor
) -> Tensor:
    """The answers after one step of the whole radius, and after four from anywhere inside it; of
    the four, the first wrong one. int64 [N, 2]."""

    def moved(pixels: Tensor, by: Tensor, rows: Tensor) -> Tensor:
        return norm.project_in_box(photos[rows], pixels + by - photos[rows], radius[rows])

    every = torch.arange(len(photos), device=photos.device)
    first, gradient = _asked(classifier, photos, labels)
    one = moved(photos, _step(norm, gradient, radius), every)
    found = moved(photos, norm.sample(keys, photos.shape[1:], radius).to(photos), every)
    left = every[first == labels]
    last = first.clone()
    for _ in range(STEPS):
        if len(left):
            answer, gradient = _asked(classifier, found[left], labels[left])
            step = _step(norm, gradient, radius[left] * ALL_STEPS / STEPS)
            last[left], found[left] = answer, moved(found[left], step, left)
            left = left[answer == labels[left]]
    with torch.no_grad():
        if len(left):
            last[left] = classifier(found[left]).argmax(1)
        after_one = torch.where(first == labels, classifier(one).argmax(1), first)
    return torch.stack([after_one, last], 1)


def _step(norm: Norm, gradient: Tensor, length: Tensor) -> Tensor:
    return length[:, None, None, None] * norm.steepest(gradient)


def _asked(classifier: Classifier, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The answers [N], and the gradient by which the real class's logit falls behind the largest of
    the others, [N, 3, H, W]."""
    inputs = pixels.detach().requires_grad_()
    logits = classifier(inputs).float()
    real = torch.nn.functional.one_hot(labels, logits.shape[1]).bool()
    margin = logits.masked_fill(real, -torch.inf).amax(1) - logits[real]
    return logits.argmax(1).detach(), torch.autograd.grad(margin.sum(), inputs)[0]
