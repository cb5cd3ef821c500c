"""What a network is measured by after an epoch: photos as they are, in the training's precision."""

import torch
from torch import Tensor

from pasunchat.classifiers.build import build
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Machine
from pasunchat.training.inputs import Pictures
from pasunchat.training.recipe import STRONG


def measured(dataset: Dataset, precision: str) -> tuple[Tensor, Tensor]:
    """What is measured of the validation photos, and what the classifier says of them in fp32."""
    classifier = build("residual:width=8", classes=dataset.classes, size=dataset.size)
    inputs, rows = Pictures(dataset, STRONG, Machine("cpu", precision)), dataset.rows("validation")
    return inputs.logits(classifier, rows), classifier.logits(dataset.pixels, rows)


def test_in_fp32_it_is_what_the_classifier_says(dataset: Dataset) -> None:
    found, said = measured(dataset, "fp32")
    assert torch.equal(found, said)


def test_in_bf16_it_is_near_that_and_a_float_again(dataset: Dataset) -> None:
    found, said = measured(dataset, "bf16")
    assert found.dtype == torch.float32 and not torch.equal(found, said)
    assert torch.allclose(found, said, rtol=0.05, atol=0.05 * float(said.abs().max()))
