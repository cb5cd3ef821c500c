from pathlib import Path

import pytest
from torch import nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.files import INFO, WEIGHTS, load_files, save
from pasunchat.errors import PasunchatError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(build("simple", classes=("cat", "dog"), size=16), tmp_path)
    return tmp_path


def test_an_external_network_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(PasunchatError, match="external network"):
        save(Classifier(nn.Flatten()), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [INFO, WEIGHTS])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(PasunchatError, match=name):
        load_files(folder)


def test_damaged_weights_are_named(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"no weights at all")
    with pytest.raises(PasunchatError, match="damaged"):
        load_files(folder)


def test_weights_of_another_network_are_refused(folder: Path, tmp_path_factory) -> None:
    other = tmp_path_factory.mktemp("other")
    save(build("simple", classes=("cat", "dog", "fox"), size=16), other)
    (folder / WEIGHTS).write_bytes((other / WEIGHTS).read_bytes())
    with pytest.raises(PasunchatError, match="does not fit"):
        load_files(folder)


def test_weights_of_another_training_are_refused(folder: Path, tmp_path_factory) -> None:
    other = tmp_path_factory.mktemp("other")
    save(build("simple", classes=("cat", "dog"), size=16, seed=1), other)
    (folder / WEIGHTS).write_bytes((other / WEIGHTS).read_bytes())
    with pytest.raises(PasunchatError, match="not the file"):
        load_files(folder)


def test_a_wrong_field_is_named(folder: Path) -> None:
    text = (folder / INFO).read_text().replace('"size": 16', '"size": "wide"')
    (folder / INFO).write_text(text)
    with pytest.raises(PasunchatError, match=r"size"):
        load_files(folder)
