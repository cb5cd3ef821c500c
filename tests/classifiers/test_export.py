"""One file that answers as the classifier does, and says all that is needed to ask it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pasunchat.__main__ import run
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.export import FORMS, Form, export
from pasunchat.classifiers.files import save
from pasunchat.classifiers.load import load
from pasunchat.errors import PasunchatError

SIZE = 16


def needs_onnx() -> None:
    for name in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(name)


@pytest.fixture
def classifier() -> Classifier:
    return build("simple", classes=("cat", "dog"), size=SIZE, framing="crop", trained_on="abc")


def pixels(count: int = 6) -> Tensor:
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_same_logits_and_info_with_no_other_file(
    tmp_path: Path, classifier: Classifier, form: str, mirrored: bool
) -> None:
    if form == "onnx":
        needs_onnx()
    classifier.info = replace(classifier.info, mirrored=mirrored)
    done = export(classifier, tmp_path / f"net.{form}", form, pixels())
    assert (done.photos, done.form) == (6, form) and done.difference < 1e-4
    again = load(done.path)
    for count in (1, 2, 5):
        given = pixels(count)
        assert torch.allclose(
            again.predict_logits(given), classifier.predict_logits(given), atol=1e-4
        )
    for name in ("classes", "size", "framing", "decode", "trained_on"):
        assert getattr(again.info, name) == getattr(classifier.info, name)
    assert [path.name for path in tmp_path.iterdir()] == [f"net.{form}"]


def test_onnx_answers_in_onnxruntime_and_names_its_facts(
    tmp_path: Path, classifier: Classifier
) -> None:
    needs_onnx()
    import onnxruntime

    path = Path(export(classifier, tmp_path / "net.onnx", "onnx", pixels()).path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"pixels": pixels(3).numpy()})
    assert torch.allclose(torch.from_numpy(logits), classifier.predict_logits(pixels(3)), atol=1e-4)
    exported = json.loads(session.get_modelmeta().custom_metadata_map["pasunchat"])
    assert exported["info"]["classes"] == ["cat", "dog"]
    assert (exported["info"]["size"], exported["info"]["framing"]) == (SIZE, "crop")
    assert set(exported["versions"]) == {"pasunchat", "torch"}
    assert b"/pasunchat/" not in path.read_bytes()  # nor where it was written


def test_safetensors_keep_the_digest(tmp_path: Path, classifier: Classifier) -> None:
    path = export(classifier, tmp_path / "net.safetensors", "safetensors", pixels()).path
    assert load(path).digest() == classifier.digest()


@pytest.mark.parametrize("form", ["pt2", "safetensors"])
def test_the_same_bytes_each_time(tmp_path: Path, classifier: Classifier, form: str) -> None:
    one, two = (
        Path(export(classifier, tmp_path / name, form, pixels()).path) for name in ("a", "b")
    )
    assert one.read_bytes() == two.read_bytes()


def test_one_that_gives_other_logits_is_not_kept(
    tmp_path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(path: Path, given: Tensor) -> Tensor:
        assert path.is_file()
        return torch.zeros(len(given), 2)

    form = FORMS["safetensors"]
    monkeypatch.setitem(FORMS, "safetensors", Form(form.about, form.write, wrong))
    with pytest.raises(PasunchatError, match="gives other logits"):
        export(classifier, tmp_path / "net.safetensors", "safetensors", pixels())
    assert list(tmp_path.iterdir()) == []


def test_refusals(tmp_path: Path, classifier: Classifier) -> None:
    with pytest.raises(PasunchatError, match='unknown form "tflite"; there are: onnx, pt2'):
        export(classifier, tmp_path / "net", "tflite", pixels())
    (tmp_path / "net").write_text("here")
    with pytest.raises(PasunchatError, match="--overwrite"):
        export(classifier, tmp_path / "net", "safetensors", pixels())
    network = nn.Sequential(nn.Flatten(), nn.Linear(768, 2))
    with pytest.raises(PasunchatError, match="take --to onnx"):
        export(Classifier(network, size=SIZE), tmp_path / "other", "safetensors", pixels())
    with pytest.raises(PasunchatError, match="no image size"):
        export(Classifier(network), tmp_path / "other", "pt2", pixels())


class Undecided(nn.Module):
    """It branches on its numbers, which no graph can express."""

    def forward(self, given: Tensor) -> Tensor:
        return given.flatten(1)[:, :2] * (2 if float(given.sum()) > 3 else 1)


def test_a_network_that_is_no_graph_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PasunchatError, match="cannot be written as pt2: "):
        export(Classifier(Undecided(), size=SIZE), tmp_path / "net.pt2", "pt2", pixels())
    assert list(tmp_path.iterdir()) == []


def damaged_weights(data: bytes) -> bytes:
    return data[:-4] + b"\x00\x00\x80\x3f"


def other_network(data: bytes) -> bytes:
    return data.replace(b'\\"simple\\"', b'\\"simpel\\"')


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (damaged_weights, "its numbers were changed"),
        (lambda data: data[:99], "damaged"),
        (other_network, "simpel"),
    ],
)
def test_a_spoiled_file_is_refused(
    tmp_path: Path, classifier: Classifier, spoil: Callable[[bytes], bytes], named: str
) -> None:
    path = Path(export(classifier, tmp_path / "net.safetensors", "safetensors", pixels()).path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(PasunchatError, match=named):
        load(path)


def test_weights_of_others_are_refused(tmp_path: Path) -> None:
    import safetensors.torch

    path = tmp_path / "net.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(PasunchatError, match="weights without their network"):
        load(path)


def test_the_command_exports_and_predict_reads_it(
    tmp_path: Path,
    classifier: Classifier,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    save(classifier, Path("runs") / "mine")
    assert run(["export", "mine", "--to", "pt2"]) == 0
    said = capsys.readouterr().out
    assert "checked on 8 drawn photos" in said and "--model mine.pt2" in said
    words = ["--photos", str(photos / "cat"), "-o", "out.safetensors", "--json"]
    assert run(["export", "runs/mine", "--to", "safetensors", *words]) == 0
    assert json.loads(capsys.readouterr().out)["photos"] == 60
    answers = []
    for model in ("mine", "mine.pt2", "out.safetensors"):
        assert run(["predict", str(photos / "dog"), "--model", model, "--json"]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    for other in answers[1:]:
        for ours, theirs in zip(answers[0], other, strict=True):
            assert theirs["probabilities"] == pytest.approx(ours["probabilities"], abs=1e-4)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("mine --to tflite", "there are: onnx"),
        ("none --to onnx", "none"),
        ("mine --to pt2 --photos nowhere", "nowhere"),
        ("mine", "--to"),
    ],
)
def test_the_command_refuses_in_one_line(
    tmp_path: Path,
    classifier: Classifier,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    named: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    save(classifier, Path("runs") / "mine")
    assert run(["export", *words.split()]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and named in said.err
