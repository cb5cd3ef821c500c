"""Photos fooled as the command does it: names, folders, what is refused, what is recorded."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from pasunchat.attacks.fool import Request
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.fooled import fool_photos as job
from pasunchat.fooled.fool_photos import FoolOptions, fool_photos, read_fooled
from pasunchat.fooled.receipt import as_seen, verify
from pasunchat.fooled.transforms import transforms


def other_class(classifier: Classifier, photo: Path) -> str:
    answer = as_seen(classifier, photo)
    index = int(classifier.probabilities(answer[None])[0].argmin())
    return classifier.class_name(index)


def test_a_photo_is_fooled_and_all_of_it_is_kept(classifier: Classifier, photo: Path) -> None:
    target = other_class(classifier, photo)
    steps: list[tuple[int, int]] = []
    (at,) = fool_photos(
        classifier,
        [photo],
        options=FoolOptions(target),
        progress=lambda done, total: steps.append((done, total)),
    )
    assert at.folder.parent == classifier.origin / "fooled"
    assert at.folder.name == f"rex.{target}"
    assert {file.name for file in at.folder.iterdir()} == {
        f"rex.{target}.png", "photo.png", "noise.png", "row.png", "result.json",
    }  # fmt: skip
    assert at.outcome.fooled and at.outcome.after.label == target
    assert verify(at.folder / at.outcome.picture, classifier, photo).holds
    assert read_fooled(classifier.origin) == [at]
    assert steps[-1] == (1, 1)


def test_without_a_target_the_runner_up_is_reached(classifier: Classifier, photo: Path) -> None:
    (at,) = fool_photos(classifier, [photo])
    assert at.outcome.goal == other_class(classifier, photo)
    assert at.folder.name == f"rex.{at.outcome.goal}"


def test_a_photo_that_is_read_so_already_is_not_counted_as_fooled(
    classifier: Classifier, photo: Path
) -> None:
    target = ({"cat", "dog"} - {other_class(classifier, photo)}).pop()
    (at,) = fool_photos(classifier, [photo], options=FoolOptions(target))
    assert not at.outcome.fooled
    assert (at.folder / "row.png").is_file()


@pytest.mark.parametrize("name", ["写真" * 40 + ".png", os.fsdecode(b"caf\xe9.png")])
def test_long_names_and_names_that_are_no_utf_8_are_served(
    classifier: Classifier, photo: Path, name: str
) -> None:
    (at,) = fool_photos(classifier, [photo.rename(photo.with_name(name))])
    assert (at.folder / at.outcome.picture).is_file()
    assert read_fooled(classifier.origin) == [at]


def test_two_photos_of_one_name_do_not_overwrite_each_other(
    classifier: Classifier, photo: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "elsewhere" / "Rex.png"
    twin.parent.mkdir()
    shutil.copy(photo, twin)
    found = fool_photos(classifier, [photo, twin], tmp_path / "out", options=FoolOptions("cat"))
    assert [at.folder.name for at in found] == ["rex.cat", "Rex-2.cat"]
    assert [at.outcome.photo for at in found] == [str(photo), str(twin)]


def test_a_folder_that_exists_is_refused_before_the_attack(
    classifier: Classifier, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "out" / "rex.cat"
    there.mkdir(parents=True)
    attacked: list[object] = []
    monkeypatch.setattr(job, "fool", lambda *_, **__: attacked.append(1))
    with pytest.raises(PasunchatError, match="exists already"):
        fool_photos(classifier, [photo], tmp_path / "out", options=FoolOptions("cat"))
    assert not attacked
    monkeypatch.undo()
    (at,) = fool_photos(
        classifier, [photo], tmp_path / "out", options=FoolOptions("cat"), overwrite=True
    )
    assert (at.folder / "result.json").is_file()


def test_an_unknown_class_is_answered_with_the_known_ones(
    classifier: Classifier, photo: Path
) -> None:
    with pytest.raises(PasunchatError, match=r'unknown class "horse".*cat, dog'):
        fool_photos(classifier, [photo], options=FoolOptions("horse"))


def test_a_classifier_from_elsewhere_writes_where_one_stands(
    classifier: Classifier, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier.origin = None
    monkeypatch.chdir(tmp_path)
    (found,) = fool_photos(classifier, [photo.resolve()])
    assert found.folder.parent == Path("fooled")
    assert (tmp_path / found.folder / found.outcome.picture).is_file()


def test_no_photo_at_all_is_refused(classifier: Classifier) -> None:
    with pytest.raises(PasunchatError, match="no photo"):
        fool_photos(classifier, [])


def test_nothing_is_left_where_drawing_fails(
    classifier: Classifier, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr(job, "draw_row", fails)
    with pytest.raises(OSError, match="disk full"):
        fool_photos(classifier, [photo], tmp_path / "out", options=FoolOptions("cat"))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_film_and_other_models_are_kept_too(classifier: Classifier, photo: Path) -> None:
    target = other_class(classifier, photo)
    (at,) = fool_photos(
        classifier, [photo], options=FoolOptions(target), models=[classifier], films=("webp", "gif")
    )
    assert (at.folder / "film.webp").is_file() and (at.folder / "film.gif").is_file()
    (other,) = at.outcome.transfer
    assert other.fooled and (other.before, other.after) == (at.outcome.before, at.outcome.after)


def test_confidence_is_asked_for_unless_the_attack_stops_by_itself(
    classifier: Classifier, photo: Path, tmp_path: Path
) -> None:
    target = other_class(classifier, photo)
    (sure,) = fool_photos(classifier, [photo], tmp_path / "sure", options=FoolOptions(target))
    assert sure.outcome.fooled and sure.outcome.after.confidence >= 0.95
    talk = Request("learned-noise:lr=0.03,steps=30", confidence=0.95)
    options = FoolOptions(target)
    (own,) = fool_photos(classifier, [photo], tmp_path / "own", talk, options=options)
    assert own.outcome.request.confidence is None and sure.outcome.request.confidence == 0.95


def test_what_must_be_survived_is_and_has_its_cost(
    classifier: Classifier, photo: Path, tmp_path: Path
) -> None:
    options = FoolOptions(
        other_class(classifier, photo), survive=transforms("brightness:0.9,jpeg:90")
    )
    (at,) = fool_photos(classifier, [photo], tmp_path / "out", options=options)
    assert at.outcome.fooled and at.outcome.required == ("brightness:0.9", "jpeg:90")
    through = {one.transform: one.survives for one in at.outcome.survival}
    assert through["brightness:0.9"] and through["jpeg:90"]
    assert at.outcome.cost_of_surviving is not None and at.outcome.cost_of_surviving >= 1
    assert verify(at.folder / at.outcome.picture, classifier, photo).holds


def test_at_full_size_the_file_s_own_pixels_are_changed(
    classifier: Classifier, photo: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    with Image.open(photo) as picture:
        picture.resize((41, 30)).save(large)
    options = FoolOptions(other_class(classifier, large), full_size=True)
    (at,) = fool_photos(classifier, [large, large], tmp_path / "out", options=options)[:1]
    assert at.outcome.fooled and at.outcome.after.confidence >= 0.95
    with Image.open(at.folder / at.outcome.picture) as picture:
        assert picture.size == (41, 30)
    assert verify(at.folder / at.outcome.picture, classifier, large).holds
    assert not verify(at.folder / at.outcome.picture, classifier, photo).holds
