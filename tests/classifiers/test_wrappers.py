"""The names of wrapped models: which settings are whose."""

import shutil
from dataclasses import fields
from pathlib import Path

import pytest

import pasunchat
from pasunchat.classifiers.build import build
from pasunchat.classifiers.external.preprocessing import READERS
from pasunchat.classifiers.files import save
from pasunchat.classifiers.load import load
from pasunchat.classifiers.masked import Masking
from pasunchat.classifiers.smoothed import Smoothing
from pasunchat.classifiers.wrappers import WRAPPERS, Wrapped, is_wrapped, name_of, read_wrapped
from pasunchat.errors import PasunchatError

NAMES = {
    "smoothed:simple": Wrapped("smoothed", "simple", Smoothing()),
    "smoothed:runs/mine,sigma=0.5": Wrapped("smoothed", "runs/mine", Smoothing(0.5)),
    "smoothed:simple,sigma=0.1,draws=8,seed=3": Wrapped("smoothed", "simple", Smoothing(0.1, 8, 3)),
    "smoothed:timm:resnet18,sigma=0.5": Wrapped("smoothed", "timm:resnet18", Smoothing(0.5)),
    "smoothed:C:/my,cats.onnx,sigma=0.5": Wrapped("smoothed", "C:/my,cats.onnx", Smoothing(0.5)),
    "smoothed:cats.onnx:scale=0..1,classes=cat/dog,sigma=0.5": Wrapped(
        "smoothed", "cats.onnx:scale=0..1,classes=cat/dog", Smoothing(0.5)
    ),
    "masked:lite0,area=0.01,windows=4": Wrapped("masked", "lite0", Masking(0.01, 4)),
    "smoothed:masked:simple,area=0.01,sigma=0.5": Wrapped(
        "smoothed", "masked:simple,area=0.01", Smoothing(0.5)
    ),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_wrappers_settings_come_last_and_all_others_are_the_models(name: str) -> None:
    assert is_wrapped(name) and read_wrapped(name) == NAMES[name]
    assert read_wrapped(name_of(*NAMES[name])) == NAMES[name]


def test_no_setting_of_a_wrapper_could_be_one_of_a_model_or_of_another_wrapper() -> None:
    own = [field.name for row in WRAPPERS.values() for field in fields(row.settings)]
    assert len(set(own)) == len(own) and not set(own) & set(READERS)


def test_other_names_are_not_wrapped() -> None:
    assert not any(map(is_wrapped, ("simple", "smoothed", "runs/smoothed", "C:/a.onnx", "timm:x")))


@pytest.mark.parametrize(
    "name, said",
    [
        ("smoothed:", "expected a model"),
        ("smoothed:,sigma=0.5", "expected a model"),
        ("smoothed:simple,sigm=0.5", 'no setting "sigm"; its settings: sigma, draws, seed'),
        ("masked:simple,area=big", "area"),
        ("smoothed:simple,sigma=-1", "above 0"),
        ("smoothed:simple,draws=2.5", "draws"),
        ("smoothed:masked:simple,sigma=0.5,area=0.01", 'no setting "sigma"'),
        ("smoothed:nothing,sigma=0.5", 'no model "nothing"'),
        ("smoothed:simple:scale=0..1,sigma=0.5", "states its own preprocessing"),
    ],
)
def test_what_cannot_be_meant_is_one_line(name: str, said: str) -> None:
    with pytest.raises(PasunchatError, match=said) as caught:
        load(name)
    assert "\n" not in str(caught.value)


def test_what_it_is_known_as_loads_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(build("simple", classes=("cat", "dog"), size=16), Path("runs/mine"))
    for name in ("smoothed:mine", "smoothed:masked:mine,area=0.1,sigma=0.5,draws=2"):
        loaded = load(name)
        assert loaded.known_as.count("runs/mine") == 1 and loaded.origin is None
        assert load(loaded.known_as).digest() == loaded.digest()
    assert load("smoothed:mine").digest() == pasunchat.smoothed("mine").digest()
    assert pasunchat.masked(load("mine"), 0.1).known_as == "masked:runs/mine,area=0.1"
    shutil.rmtree("runs")


def test_the_model_inside_takes_preprocessing_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net_of_wrappers.py").write_text(
        "import torch\n"
        "def net():\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 2))\n"
    )
    name = "smoothed:net_of_wrappers:net:scale=0..1,size=4,classes=cat/dog,sigma=0.5,draws=2"
    loaded = load(name)
    assert (loaded.classes, loaded.size) == (("cat", "dog"), 4)
    assert loaded.known_as == name
