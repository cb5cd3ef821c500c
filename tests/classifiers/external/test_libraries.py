"""timm and transformers: tiny random networks in folders that the libraries wrote themselves."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pasunchat.classifiers.external.hugging_face import preprocessing_of
from pasunchat.classifiers.load import load
from pasunchat.errors import PasunchatError
from pasunchat.extras import mend_torchvision


def test_timm_by_its_own_configuration(tmp_path: Path) -> None:
    mend_torchvision()
    timm = pytest.importorskip("timm")
    network = timm.create_model("test_resnet", pretrained=False, num_classes=3).eval()
    facts = {"num_classes": 3, "label_names": ["cat", "dog", "fox"]}
    timm.models.save_for_hf(network, tmp_path / "net", model_config=facts, safe_serialization=True)
    classifier = load(f"timm:local-dir:{tmp_path / 'net'}")
    config = network.pretrained_cfg
    assert classifier.classes == ("cat", "dog", "fox")
    assert classifier.size == config["input_size"][-1]
    pixels = torch.rand(2, 3, classifier.size, classifier.size)
    mean, std = (torch.tensor(config[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    assert torch.allclose(
        classifier.predict_logits(pixels), network((pixels - mean) / std), atol=1e-4
    )


def test_an_unknown_timm_name() -> None:
    mend_torchvision()
    pytest.importorskip("timm")
    with pytest.raises(PasunchatError, match="timm:no_such_net cannot be loaded"):
        load("timm:no_such_net")


def test_hugging_face_by_its_own_configuration(tmp_path: Path) -> None:
    mend_torchvision()
    transformers = pytest.importorskip("transformers")
    names = {0: "cat", 1: "dog"}
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8], depths=[1], layer_type="basic", id2label=names
    )
    network = transformers.ResNetForImageClassification(config).eval()
    network.save_pretrained(tmp_path)
    with pytest.raises(PasunchatError, match="does not state which pixels"):
        load(f"hf:{tmp_path}")
    said = {"do_rescale": True, "image_mean": [0.5] * 3, "image_std": [0.25] * 3, "size": 32}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    classifier = load(f"hf:{tmp_path}")
    assert (classifier.classes, classifier.size) == (("cat", "dog"), 32)
    pixels = torch.rand(2, 3, 32, 32)
    assert torch.allclose(
        classifier.predict_logits(pixels), network((pixels - 0.5) / 0.25).logits, atol=1e-4
    )


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    mend_torchvision()
    pytest.importorskip("transformers")
    with pytest.raises(PasunchatError, match="cannot be loaded"):
        load(f"hf:{tmp_path}")


@pytest.mark.parametrize("library", ["timm", "transformers"])
def test_the_first_to_import_torchvision_mends_it(library: str, tmp_path: Path) -> None:
    """In a process of its own: beside torch for the CPU, PyPI's torchvision cannot be imported."""
    mend_torchvision()
    pytest.importorskip(library)
    model = "timm:no_such_net" if library == "timm" else f"hf:{tmp_path}"
    code = f"from pasunchat.classifiers.load import load; load({model!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("pasunchat.errors.PasunchatError") and "cannot be loaded" in last
    assert "torchvision" not in last


def test_pixels_that_are_not_divided() -> None:
    """The factor is of levels of 0..255; mean and std are in its units."""
    config = {"do_rescale": True, "rescale_factor": 1 / 127.5, "image_mean": [1.0], "size": 8}
    said = preprocessing_of({**config, "image_std": [1.0]}, None)
    assert (said.scale, said.mean, said.std) == ("0..1", (0.5,), (0.5,))


@pytest.mark.parametrize(
    ("config", "size", "framing"),
    [
        ({"size": {"height": 384, "width": 384}}, 384, "squash"),
        ({"size": {"shortest_edge": 224}}, 224, "crop"),
        (
            {"size": {"shortest_edge": 256}, "crop_size": {"height": 224}, "do_center_crop": True},
            224,
            "crop",
        ),
    ],
)
def test_size_and_framing(config: dict[str, object], size: int, framing: str) -> None:
    said = preprocessing_of({"do_rescale": True, **config}, None)
    assert (said.size, said.framing) == (size, framing)


@pytest.mark.parametrize(
    ("model", "extra"),
    [("timm:resnet18", "timm"), ("hf:a/b", "hf"), ("m.onnx", "onnx"), ("m.keras", "keras")],
)
def test_a_missing_extra_is_said_with_its_pip_line(
    model: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them is hidden, as if it were not installed."""
    import sys
    import zipfile

    monkeypatch.chdir(tmp_path)
    Path("m.onnx").write_bytes(b"")
    with zipfile.ZipFile("m.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    for name in ("timm", "transformers", "onnx", "keras"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr("pasunchat.classifiers.external.timm.mend_torchvision", lambda: None)
    monkeypatch.setattr(
        "pasunchat.classifiers.external.hugging_face.mend_torchvision", lambda: None
    )
    with pytest.raises(PasunchatError, match=rf'pip install "pasunchat\[{extra}\]"'):
        load(model)
