import json
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from pasunchat.classifiers.company import Company
from pasunchat.classifiers.external.assemble import InParts
from pasunchat.classifiers.load import load
from pasunchat.errors import PasunchatError

SAID = "scale=0..1,size=8,classes=cat/dog"


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)).eval()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """A network, and the folder it is kept in, in each form."""
    place, module, pixels = tmp_path_factory.mktemp("kept"), network(), torch.rand(2, 3, 8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(module, pixels), place / "net.ts")  # type: ignore[no-untyped-call]
        program = torch.export.export(
            module, (pixels,), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},)
        )
        torch.export.save(program, place / "net.pt2")
    torch.save(module, place / "whole.pt")
    torch.save(module.state_dict(), place / "weights.pt")
    (place / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    (place / "cut.pt2").write_bytes((place / "net.pt2").read_bytes()[:2000])
    (place / "text.pt").write_text("not a network")
    return module, place


@pytest.mark.parametrize("name", ["net.ts", "net.pt2"])
def test_the_same_logits(kept: tuple[nn.Module, Path], name: str) -> None:
    module, place = kept
    classifier = load(f"{place / name}:{SAID}")
    pixels = torch.rand(5, 3, 8, 8)
    assert torch.allclose(classifier.predict_logits(pixels), module(pixels), atol=1e-5)
    assert classifier.digest() == load(f"{place / name}:{SAID}").digest()
    pixels.requires_grad_()
    classifier(pixels).sum().backward()
    assert pixels.grad is not None and bool(pixels.grad.any())


@pytest.mark.parametrize("rows", [1, 3])
def test_a_program_for_some_rows_takes_any_number(tmp_path: Path, rows: int) -> None:
    module = network()
    program = torch.export.export(module, (torch.rand(rows, 3, 8, 8),))
    torch.export.save(program, tmp_path / "net.pt2")
    classifier, pixels = load(f"{tmp_path / 'net.pt2'}:{SAID}"), torch.rand(5, 3, 8, 8)
    assert isinstance(classifier.network.network, InParts)
    assert classifier.company is Company.SAME
    assert torch.allclose(classifier.predict_logits(pixels), module(pixels), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("net.ts", r"net\.ts:scale=0\.\.1,size=224"),
        ("whole.pt", "a pickle of a whole network, which would run its own code"),
        ("weights.pt", "weights without their network"),
        ("list.pkl", "is a pickle, which would run its own code"),
        ("cut.pt2", "damaged"),
        ("text.pt", "damaged"),
        ("nothing.pt", "no file"),
    ],
)
def test_refusals(kept: tuple[nn.Module, Path], name: str, named: str) -> None:
    with pytest.raises(PasunchatError, match=named):
        load(f"{kept[1] / name}")


Change = Callable[[dict[str, object]], object]


def spoiled(path: Path, part: str, change: Callable[[bytes], bytes]) -> None:
    """The archive, with one part of it changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, change(data) if name.endswith(part) else data)


def with_target(data: bytes) -> bytes:
    model = json.loads(data)
    model["graph_module"]["graph"]["nodes"][0]["target"] = "torch.os.system"
    return json.dumps(model).encode()


@pytest.mark.parametrize(
    ("part", "change", "named"),
    [
        ("models/model.json", with_target, "a call of torch.os.system"),
        (
            "models/model.json",
            lambda data: data.replace(b"Symbol('", b"eval('", 1),
            "an expression that is no sum",
        ),
        (
            "weights_config.json",
            lambda data: data.replace(b'"use_pickle": false', b'"use_pickle": true', 1),
            "a pickled tensor",
        ),
        ("sample_inputs/model.pt", lambda _: pickle.dumps(print), "a pickled object"),
    ],
)
def test_a_program_that_would_run_code_is_refused(
    kept: tuple[nn.Module, Path],
    tmp_path: Path,
    part: str,
    change: Callable[[bytes], bytes],
    named: str,
) -> None:
    path = tmp_path / "net.pt2"
    path.write_bytes((kept[1] / "net.pt2").read_bytes())
    spoiled(path, part, change)
    with pytest.raises(PasunchatError, match=named):
        load(f"{path}:{SAID}")
