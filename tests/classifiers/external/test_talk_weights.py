"""The talk's own network, as its author trained it, walks in, scores on real photos, is fooled."""

import os
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pasunchat.attacks.fool import fool
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.load import load
from pasunchat.framing import frame

PHOTOS = 60


@pytest.fixture(scope="module")
def weights() -> Path:
    """The folder beside the real photos that holds the author's files."""
    folder = Path(os.environ.get("PASUNCHAT_PHOTOS", "nowhere")).parent / "weights"
    if not (folder / "talk-simple.keras").is_file():
        pytest.skip("no weights of the talk beside real photos: PASUNCHAT_PHOTOS names no such")
    pytest.importorskip("keras")
    return folder


@pytest.fixture(scope="module")
def talk(weights: Path) -> Classifier:
    return load(f"{weights / 'talk-simple.keras'}:classes=cat/dog")


@pytest.fixture(scope="module")
def photos(weights: Path) -> tuple[torch.Tensor, list[int]]:
    """Real photos and their classes, as many of each."""
    images, labels = [], []
    with zipfile.ZipFile(weights.parent / "data" / "photos-200px-2.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        for label, kind in enumerate(("cat", "dog")):
            chosen = [name for name in names if name.rpartition("/")[2].startswith(kind)]
            for name in chosen[: PHOTOS // 2]:
                picture = Image.open(BytesIO(archive.read(name))).convert("RGB")
                images.append(frame(picture, 224, "pad"))
                labels.append(label)
    return as_pixels(np.stack(images)), labels


def test_it_states_its_size_and_scale_and_has_the_talk_s_parameters(talk: Classifier) -> None:
    assert talk.size == 224
    assert sum(weight.numel() for weight in talk.parameters()) == 30_178


def test_it_is_mostly_right_on_real_photos(
    talk: Classifier, photos: tuple[torch.Tensor, list[int]]
) -> None:
    pixels, labels = photos
    right = (talk.predict_logits(pixels).argmax(1) == torch.tensor(labels)).float().mean()
    assert right > 0.65


def test_both_files_give_the_same(
    talk: Classifier, weights: Path, photos: tuple[torch.Tensor, list[int]]
) -> None:
    other = load(f"{weights / 'talk-simple.h5'}:classes=cat/dog")
    assert torch.allclose(
        talk.predict_logits(photos[0][:8]), other.predict_logits(photos[0][:8]), atol=1e-4
    )


def test_it_is_fooled(talk: Classifier, photos: tuple[torch.Tensor, list[int]]) -> None:
    result = fool(talk, photos[0][:2])
    assert result.status == (Status.REACHED, Status.REACHED)
    assert float((result.pixels - result.photos).abs().max()) < 0.15
