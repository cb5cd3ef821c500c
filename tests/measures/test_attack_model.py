"""A classifier attacked on photos in memory, where the distance of every photo is known."""

from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from pasunchat.attacks.fool import Request
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError, PasunchatWarning
from pasunchat.measures.attack_block import SplitProgress
from pasunchat.measures.attack_model import attack_model
from pasunchat.measures.robustness import attack_split
from pasunchat.photos.dataset import Dataset

SIDE, PHOTOS = 4, 19
LEVELS = np.arange(PHOTOS) * 6 + 70  # of each photo, all of one grey
RADII = ["2/255", "20/255", "40/255"]
FORMS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "pair": lambda x, y: (x, y),
    "arrays": lambda x, y: (x.numpy(), y.numpy()),
    "loader": lambda x, y: DataLoader(TensorDataset(x, y), batch_size=10),
    "torch dataset": lambda x, y: TensorDataset(x, y),
    "list of pairs": lambda x, y: [(x[:10], y[:10]), [x[10:], y[10:].tolist()]],
    "generator": lambda x, y: ((x[k], int(y[k])) for k in range(len(x))),
    "more in each batch": lambda x, y: [(x, y, ["a name"] * len(x))],
}


class Brightness(nn.Module):
    """Two logits: class 1 by as much as the mean is above 128.5 levels."""

    def forward(self, pixels: Tensor) -> Tensor:
        lead = 9 * (pixels.mean((1, 2, 3)) - 128.5 / 255)
        return torch.stack([-lead, lead], 1)


@pytest.fixture
def greys() -> tuple[Tensor, Tensor]:
    """Greys from dark to light. The last label of all is wrong."""
    pixels = torch.from_numpy(LEVELS)[:, None, None, None].expand(-1, 3, SIDE, SIDE) / 255
    labels = torch.from_numpy((LEVELS > 128.5).astype(np.int64))
    labels[-1] = 0
    return pixels, labels


def known() -> list[float]:
    """How many levels each photo is from the other class, 0 where it is misread."""
    away = np.ceil(np.abs(LEVELS - 128.5)).tolist()
    return [*away[:-1], 0.0]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_data_gives_the_known_distances(
    form: str, greys: tuple[Tensor, Tensor]
) -> None:
    found = attack_model(Brightness(), FORMS[form](*greys), RADII, norm="linf")
    assert np.allclose(np.array(found.distances) * 255, known(), atol=1e-3)
    assert [photo.row for photo in found.photos] == list(range(PHOTOS))
    for at, radius in zip(found.within, (2, 20, 40), strict=True):
        assert at.withstood == sum(away > radius for away in known())
        assert at.accuracy == at.withstood / PHOTOS and at.radius == radius / 255
        assert at.interval[0] < at.accuracy < at.interval[1]
    assert found.accuracy == (PHOTOS - 1) / PHOTOS and found.robustness.fooled == PHOTOS - 1
    same = attack_model(Brightness(), greys, RADII, norm="linf")
    assert found.robustness == same.robustness


def test_an_attack_inside_a_radius_is_run_within_each(greys: tuple[Tensor, Tensor]) -> None:
    """It stops at the first change that fools, so it has no distances of its own; what it finds
    within a radius is right, and a photo is not attacked again once it is fooled."""
    found = attack_model(Brightness(), greys, [0, 0.001, *RADII], attack="fgsm", norm="linf")
    assert [at.withstood for at in found.within] == [
        sum(away > radius for away in known()) for radius in (0, 0.255, 2, 20, 40)
    ]
    for photo, away in zip(found.photos, known(), strict=True):
        assert photo.enough == (inf if away > 40 else pytest.approx(photo.distance))
        assert 0 <= photo.distance * 255 <= 40.001
    runs = {away: photo.backwards for photo, away in zip(found.photos, known(), strict=True)}
    assert runs[0] == 0 < runs[2] < runs[20] < runs[41]
    assert found.robustness.info.request.radius == 40 / 255


def test_what_no_search_fools_withstands_and_is_counted_so(greys: tuple[Tensor, Tensor]) -> None:
    class Blind(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return torch.tensor([[1.0, 0.0]]).expand(len(pixels), 2) + 0 * pixels.sum()

    found = attack_model(Blind(), greys, RADII, attack="pgd:steps=4", norm="linf")
    assert [at.accuracy for at in found.within] == [found.accuracy] * 3
    assert found.robustness.no_gradient == found.robustness.right > 0


def test_pixels_off_the_grid_are_said_and_searched_without_one(
    greys: tuple[Tensor, Tensor],
) -> None:
    pixels, labels = greys
    with pytest.warns(PasunchatWarning, match="levels=None"):
        found = attack_model(Brightness(), (pixels + 0.3 / 255, labels), 1 / 255, norm="linf")
    assert found.robustness.info.request.levels is None
    away = np.array(found.distances[:-1]) * 255
    assert np.allclose(away, np.abs(LEVELS[:-1] + 0.3 - 128.5), atol=0.02)


def test_names_that_two_outputs_share_are_told_apart(greys: tuple[Tensor, Tensor]) -> None:
    pixels, labels = greys
    classifier = Classifier(Brightness(), classes=("crane", "crane"))
    found = attack_model(classifier, (pixels, labels), norm="linf")
    assert {photo.real for photo in found.photos} == {"crane (0)", "crane (1)"}
    assert np.allclose(np.array(found.distances) * 255, known(), atol=1e-3)


def test_labels_may_be_names(greys: tuple[Tensor, Tensor]) -> None:
    pixels, labels = greys
    classifier = Classifier(Brightness(), classes=("dark", "light"))
    names = [classifier.classes[label] for label in labels]
    found = attack_model(classifier, (pixels, names), norm="linf")
    assert np.allclose(np.array(found.distances) * 255, known(), atol=1e-3)


def test_a_limit_takes_the_first_and_progress_knows_the_number(
    greys: tuple[Tensor, Tensor],
) -> None:
    seen: list[SplitProgress] = []
    found = attack_model(Brightness(), greys, norm="linf", limit=17, progress=seen.append)
    assert len(found.photos) == 17 and found.robustness.info.limit == 17
    assert [(at.done, at.photos, at.fooled) for at in seen] == [(16, 17, 16), (17, 17, 17)]
    assert seen[-1].seconds_left == 0


def test_a_dataset_is_taken_by_its_split_and_a_split_without_a_folder(dataset: Dataset) -> None:
    classifier = build("linear", classes=dataset.classes, size=16, seed=3)
    found = attack_model(classifier, dataset, 0.5, split="validation", limit=6)
    assert len(found.photos) == 6 and found.robustness.info.split == "validation"
    split = attack_split(classifier, dataset, radii=0.5, split="validation", limit=6)
    assert split == found.robustness


def test_in_memory_it_is_what_is_written_into_a_folder(dataset: Dataset, tmp_path: Path) -> None:
    """Radii are a part of an attack's settings: others are another attack."""
    classifier = build("linear", classes=dataset.classes, size=16, seed=3)
    options: dict[str, Any] = {"attack": "pgd:steps=5", "norm": "linf", "limit": 9}
    radii = ["1/255", "3/255", "9/255"]
    kept = attack_split(classifier, dataset, tmp_path / "kept", radii=radii, **options)
    found = attack_model(classifier, dataset, radii, **options)
    assert kept.within == found.within and kept.curve == found.robustness.curve
    assert len({at.withstood for at in kept.within}) > 1
    again = attack_split(classifier, dataset, tmp_path / "kept", radii=radii, **options)
    assert again == kept
    with pytest.raises(PasunchatError, match="another radii"):
        attack_split(classifier, dataset, tmp_path / "kept", radii=radii[1:], **options)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ([], "photos with their classes, got none"),
        ("photos/", "got str; give"),
        ({"image": 1}, "got dict"),
        ([{"image": 1}], "got dict"),
        (torch.zeros(2, 3, SIDE, SIDE), "got Tensor"),
        ([torch.zeros(2, 3, SIDE, SIDE)], "got Tensor"),
        ((torch.zeros(2, 3, SIDE, SIDE),), "got tuple"),
        ((torch.zeros(2, 3, SIDE, SIDE), [0]), "one class for each of 2 photos"),
        ((torch.zeros(2, 3, SIDE, SIDE), 2), "classes from 0 to 1"),
        (3, "got int"),
    ],
)
def test_what_is_no_data(data: Any, match: str) -> None:
    with pytest.raises(PasunchatError, match=match) as caught:
        attack_model(Brightness(), data, norm="linf")
    assert "\n" not in str(caught.value)


def test_a_folder_is_for_a_dataset(greys: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    with pytest.raises(PasunchatError, match="a folder is kept for a Dataset, got tuple"):
        attack_split(Brightness(), greys, tmp_path / "here")
    assert not (tmp_path / "here").exists()
    with pytest.raises(PasunchatError, match="limit: expected 1 photo or more"):
        attack_split(Brightness(), greys, limit=0)
    with pytest.raises(TypeError, match="give a Request or seed, not both"):
        attack_model(Brightness(), greys, None, Request(), seed=1)
