from pathlib import Path

import pytest
import torch

from pasunchat.classifiers.load import load
from pasunchat.errors import PasunchatError, PasunchatWarning

CODE = """
import torch
from pasunchat import Classifier

def net():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 2))

def whole():
    return Classifier(net(), mean=0.5, classes=("cat", "dog"), size=4)

def number():
    return 3

def asks(size):
    return net()

def fails():
    raise RuntimeError("weights.pt is missing")

def by_the_batch():
    norm = torch.nn.BatchNorm2d(3, track_running_stats=False)
    return Classifier(torch.nn.Sequential(norm, net()), size=4)

constant = 3
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets_of_a_test.py").write_text(CODE)
    (tmp_path / "broken_of_a_test.py").write_text("def net(:")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_function_in_the_current_folder() -> None:
    classifier = load("nets_of_a_test:net:scale=0..255,size=4,classes=cat/dog")
    assert classifier.class_name(1) == "dog"
    assert classifier.size == 4 and not classifier.training
    assert classifier.predict_logits(torch.rand(2, 3, 4, 4)).shape == (2, 2)


def test_a_classifier_is_taken_as_it_is() -> None:
    assert load("nets_of_a_test:whole").classes == ("cat", "dog")
    with pytest.raises(PasunchatError, match="states its own"):
        load("nets_of_a_test:whole:scale=0..1")


def test_a_classifier_whose_answers_depend_on_company_is_warned_of() -> None:
    with pytest.warns(PasunchatWarning, match="depends on the pictures beside it"):
        load("nets_of_a_test:by_the_batch")


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("no_such_module:net", "no module named no_such_module"),
        ("nets_of_a_test:nett", "has no function nett; it has: "),
        ("nets_of_a_test:constant", "has no function constant"),
        ("nets_of_a_test:number", "returns int; expected a torch.nn.Module"),
        ("nets_of_a_test:asks", "without arguments"),
        ("nets_of_a_test:fails", "nets_of_a_test:fails cannot be called .*weights.pt is missing"),
        ("broken_of_a_test:net", "broken_of_a_test cannot be imported: SyntaxError"),
        ("nets_of_a_test:net", r"nets_of_a_test:net:scale=0\.\.1,size=224"),
    ],
)
def test_refusals(model: str, named: str) -> None:
    with pytest.raises(PasunchatError, match=named):
        load(model)
