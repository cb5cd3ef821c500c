"""Several classifiers on one axis: the same photos, one norm, and the bounds in their order."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from pasunchat.certificates.certify import Asked
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.smoothed import Smoothing
from pasunchat.classifiers.wrappers import wrapped
from pasunchat.measures.certified import certify_split
from pasunchat.measures.robustness import attack_split
from pasunchat.measures.shared_axis import SharedAxis, shared_axes
from pasunchat.photos.dataset import Dataset
from pasunchat.photos.prepare import prepare
from pasunchat.storage import read_json, write_json

QUICK = Asked(effort="quick")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return prepare("drawn:count=40,size=16", tmp_path_factory.mktemp("drawn") / "data", size=16)


@pytest.fixture
def models(dataset: Dataset, tmp_path: Path) -> dict[str, Classifier]:
    """Two classifiers, each in a run of its own."""
    made = {
        name: build("simple:width=4,depth=1", classes=dataset.classes, size=16, seed=seed).eval()
        for seed, name in enumerate(("one", "two"))
    }
    for name, classifier in made.items():
        classifier.origin = tmp_path / name
    return made


def certify(classifier: Classifier, dataset: Dataset, limit: int, name: str = "linf") -> None:
    folder = (classifier.origin or Path()) / "certificate" / name
    certify_split(classifier, dataset, folder, QUICK, split="all", limit=limit)


def attack(classifier: Classifier, dataset: Dataset, limit: int) -> None:
    folder = (classifier.origin or Path()) / "attack" / f"linf-{limit}"
    attack_split(classifier, dataset, folder, norm="linf", split="all", limit=limit)


def axes(models: Mapping[str, Classifier], dataset: Dataset) -> tuple[SharedAxis, ...]:
    return shared_axes(models, dict.fromkeys(models, dataset), "all")


def test_what_is_proved_lies_below_what_is_shown(
    models: dict[str, Classifier], dataset: Dataset
) -> None:
    for classifier in models.values():
        certify(classifier, dataset, 6)
    attack(models["one"], dataset, 6)
    (axis,) = axes(models, dataset)
    assert (axis.norm, axis.photos, axis.limit, axis.without) == ("linf", 6, 6, ())
    one, two = axis.models
    assert one.shown is not None and two.shown is None and not axis.wrong
    assert one.accuracy_at(0) == one.shown.accuracy_within(0)
    radii = [at.radius for curve in (one.proved, one.shown.curve) for at in curve]
    assert any(one.accuracy_at(radius) for radius in radii if radius)
    for radius in radii:
        assert one.accuracy_at(radius) <= one.shown.accuracy_within(radius)
    for gap in axis.widest:
        assert gap.model == "one" and (gap.shown is None or gap.proved < gap.shown)
    assert 0 < len(axis.widest) <= 5
    for at in one.proved:
        assert one.accuracy_at(at.radius) == at.accuracy
    assert one.accuracy_at(one.proved[-1].radius * 1.01) == 0


def test_only_certificates_of_the_same_photos_stand_together(
    models: dict[str, Classifier], dataset: Dataset
) -> None:
    """The set that most share counts, though another is larger; alone, the larger one."""
    certify(models["one"], dataset, 4, "four")
    certify(models["one"], dataset, 6, "six")
    (alone,) = axes(models, dataset)
    assert (alone.photos, alone.without) == (6, ("two",))
    certify(models["two"], dataset, 4, "four")
    (both,) = axes(models, dataset)
    assert (both.photos, both.without) == (4, ())
    assert [model.name for model in both.models] == ["one", "two"]


def test_an_attack_on_other_photos_shows_nothing_of_these(
    models: dict[str, Classifier], dataset: Dataset
) -> None:
    certify(models["one"], dataset, 4)
    attack(models["one"], dataset, 6)
    (axis,) = axes(models, dataset)
    assert axis.models[0].shown is None


def test_of_several_certificates_the_one_that_proves_most_counts(
    models: dict[str, Classifier], dataset: Dataset
) -> None:
    certify(models["one"], dataset, 4)
    assert models["one"].origin
    small = Asked(radius=1e-6, effort="quick")
    folder = models["one"].origin / "certificate" / "asked"
    certify_split(models["one"], dataset, folder, small, split="all", limit=4)
    (axis,) = axes(models, dataset)
    assert axis.models[0].asked.radius is None


def test_norms_have_axes_of_their_own(
    models: dict[str, Classifier],
    dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A smoothed classifier comes from no run: its certificate lies where the work is done."""
    monkeypatch.chdir(tmp_path)
    models = {"one": models["one"], "vote": wrapped("smoothed", models["one"], Smoothing(0.05))}
    for classifier in models.values():
        certify(classifier, dataset, 4)
    l2, linf = axes(models, dataset)
    assert (l2.norm, [at.name for at in l2.models], l2.without) == ("l2", ["vote"], ("one",))
    assert (linf.norm, [at.name for at in linf.models], linf.without) == (
        "linf", ["one"], ("vote",),
    )  # fmt: skip


def test_of_other_weights_other_data_or_another_split_nothing_is_told(
    models: dict[str, Classifier], dataset: Dataset
) -> None:
    certify(models["one"], dataset, 4)
    assert shared_axes(models, dict.fromkeys(models, dataset), "train") == ()
    again = build("simple:width=4,depth=1", classes=dataset.classes, size=16, seed=7).eval()
    again.origin = models["one"].origin
    assert axes({**models, "one": again}, dataset) == ()


def test_a_change_within_a_proved_radius_is_told_with_its_photo(
    models: dict[str, Classifier], dataset: Dataset
) -> None:
    """A certificate on disk that claims too much, as a fault in the bounds would."""
    one = models["one"]
    certify(one, dataset, 4)
    attack(one, dataset, 4)
    assert one.origin
    path = one.origin / "certificate" / "linf" / "certificate.json"
    claimed = json.loads(path.read_text())
    claimed["certified"] = [
        {**photo, "radius": 1.0 if photo["radius"] else 0.0} for photo in claimed["certified"]
    ]
    path.write_text(json.dumps(claimed))
    (axis,) = axes(models, dataset)
    assert axis.wrong and {name for name, _ in axis.wrong} == {"one"}


def test_sizes_of_pictures_share_an_axis_in_linf(dataset: Dataset, tmp_path: Path) -> None:
    small = prepare("drawn:count=40,size=16", tmp_path / "small", size=12)
    sets = {"large": dataset, "small": small}
    models = {
        name: build(
            "simple:width=4,depth=1", classes=data.classes, size=data.size, seed=0
        ).eval()
        for name, data in sets.items()
    }  # fmt: skip
    for name, classifier in models.items():
        classifier.origin = tmp_path / name
        certify(classifier, sets[name], 4)
    (axis,) = shared_axes(models, sets, "all")
    assert [model.name for model in axis.models] == ["large", "small"] and axis.photos == 4


def test_it_is_written_and_read_again(
    models: dict[str, Classifier], dataset: Dataset, tmp_path: Path
) -> None:
    certify(models["one"], dataset, 4)
    attack(models["one"], dataset, 4)
    found = list(axes(models, dataset))
    write_json(tmp_path / "proved.json", found)
    assert read_json(tmp_path / "proved.json", list[SharedAxis]) == found
