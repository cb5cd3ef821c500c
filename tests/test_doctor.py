"""What doctor says of this installation, and of others with something broken, made for the test."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
import torch

from pasunchat.classifiers.files import load_files, save
from pasunchat.classifiers.networks.efficientnet_lite0 import PACKAGE, WEIGHTS
from pasunchat.classifiers.shipped import shipped_folder
from pasunchat.doctor import (
    CHECKS,
    EXTRAS,
    Absent,
    Check,
    Extra,
    base_weights,
    cache,
    classifier_files,
    doctor,
    examine,
    gpu,
    run_apart,
    self_test,
    try_extra,
)
from pasunchat.errors import PasunchatError

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
FOR_DEVELOPERS = {"test", "benchmarks", "check"}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the shipped `simple`."""
    return shutil.copytree(shipped_folder("simple"), tmp_path / "simple")


def flip_a_bit(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def python_with(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A fresh Python that finds the modules in `folder` before all others."""
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


def test_all_checks_are_made_in_order_and_this_installation_is_well() -> None:
    seen: list[tuple[int, int]] = []
    found = doctor(lambda done, total: seen.append((done, total)))
    assert [check.name for check in found] == list(CHECKS)
    assert seen == [(done, len(CHECKS)) for done in range(1, len(CHECKS) + 1)]
    assert [check for check in found if check.status == "broken"] == []
    assert [check.name for check in found if check.status == "absent" and not check.advice] == []
    here = {check.name: check for check in found}
    assert here["torch"].found.startswith(torch.__version__)
    assert "drawn dog" in here["self-test"].found


def test_where_torch_does_not_import_the_other_checks_are_made(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise OSError('libtorch.so: cannot open')")
    done = python_with(tmp_path, "-m", "pasunchat", "doctor", "--json")
    assert done.returncode == 1, done.stderr
    found = {fields["name"]: Check(**fields) for fields in json.loads(done.stdout)}
    assert list(found) == list(CHECKS)
    assert found["torch"].status == "broken"
    assert found["torch"].advice.startswith("OSError: libtorch.so: cannot open; pip install")
    assert found["self-test"].status == "broken"
    assert {found[name].status for name in ("Python", "pasunchat", "cores")} == {"ok"}


def test_what_a_check_raises_is_one_line_of_advice() -> None:
    def look() -> str:
        raise KeyError("two\n lines")

    found = examine("it", look, "mend it")
    assert found == Check("it", "does not work", "broken", r"KeyError: 'two\n lines'; mend it")


# The machine


def test_a_gpu_is_used_or_said_not_to_be_needed() -> None:
    if torch.cuda.is_available():
        assert gpu() == torch.cuda.get_device_name(0)
    else:
        assert isinstance(gpu(), Absent)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_driver_without_a_gpu_for_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = gpu()
    assert isinstance(found, Absent) and "built for CUDA" in found.advice


def test_a_cache_folder_is_tried_but_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASUNCHAT_HOME", str(tmp_path / "a" / "b"))
    assert str(tmp_path / "a" / "b") in cache()
    assert not any(tmp_path.iterdir())


def test_a_cache_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PASUNCHAT_HOME", str(tmp_path / "file" / "cache"))
    found = examine("cache folder", *CHECKS["cache folder"])
    assert found.status == "broken" and "PASUNCHAT_HOME" in found.advice


# What comes with the package


def test_weights_with_one_bit_flipped_are_broken(copied: Path) -> None:
    weights = copied / "weights.safetensors"
    assert f"{weights.stat().st_size:,} bytes" in classifier_files(copied)
    for place in (-1, weights.stat().st_size // 2):
        flip_a_bit(weights, place)
        found = examine("shipped simple", partial(classifier_files, copied), "install it again")
        assert found.status == "broken" and found.advice.endswith("; install it again")
        flip_a_bit(weights, place)
    assert examine("shipped simple", partial(classifier_files, copied), "").status == "ok"


def test_weights_that_are_cut_off_or_gone_are_broken(copied: Path) -> None:
    weights = copied / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(PasunchatError, match="damaged"):
        classifier_files(copied)
    weights.unlink()
    with pytest.raises(PasunchatError, match=r"weights\.safetensors is missing"):
        classifier_files(copied)


def test_pretrained_weights_with_one_bit_flipped_are_broken(tmp_path: Path) -> None:
    (there,) = import_module(PACKAGE).__path__
    assert "SHA-256 as expected" in base_weights()
    folder = shutil.copytree(there, tmp_path / PACKAGE)
    flip_a_bit(folder / WEIGHTS, -1)
    done = python_with(tmp_path, "-c", "from pasunchat.doctor import *; print(base_weights())")
    assert done.returncode == 1
    assert "damaged or another version" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("factor", [-1.0, torch.nan])
def test_the_self_test_sees_a_classifier_that_computes_something_else(
    copied: Path, factor: float
) -> None:
    """Its files are whole, and have the digest on record; only its last layer is another."""
    assert "drawn dog" in self_test(copied)
    classifier = load_files(copied)
    for parameter in classifier.network.get_submodule("dense").parameters():
        parameter.data.mul_(factor)
    save(classifier, copied)
    assert "SHA-256 as expected" in classifier_files(copied)
    with pytest.raises(PasunchatError, match=r"is read as a dog with .*% only|not finite"):
        self_test(copied)


# Extras


def test_the_extras_are_those_of_pyproject() -> None:
    stated = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    packages = {
        name: tuple(re.split("[<>=~!]", each)[0] for each in requirements)
        for name, requirements in stated.items()
        if name not in FOR_DEVELOPERS
    }
    assert {extra.name: extra.packages for extra in EXTRAS} == packages


def test_an_extra_with_a_package_missing_is_absent_and_its_pip_line_given() -> None:
    extra = Extra("more", ("numpy", "no-such-package"), "more of it", "")
    found = try_extra(extra)
    assert found == Absent(
        "no-such-package not installed", 'for more of it: pip install "pasunchat[more]"'
    )


def test_an_extra_that_is_installed_works_or_says_why_not() -> None:
    works = Extra("more", ("numpy",), "more of it", "import numpy")
    assert re.fullmatch(r"numpy \d+\.\d+.*", str(try_extra(works)))
    with pytest.raises(PasunchatError, match=r"^ImportError: cannot import name 'nothing'"):
        try_extra(works._replace(trial="from numpy import nothing"))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('operator nms')", "RuntimeError: operator nms"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("import os; os.abort()", "crashed, status"),
        ("import os; os.write(2, b'a note'); os.abort()", "crashed, status"),
        ("raise SystemExit(3)", "crashed, status 3"),
    ],
)
def test_what_goes_wrong_in_a_process_apart_is_said(code: str, reason: str) -> None:
    with pytest.raises(PasunchatError, match=reason):
        run_apart(code)


def test_a_process_without_an_end_is_ended() -> None:
    with pytest.raises(PasunchatError, match=r"did not end within 0\.5 seconds"):
        run_apart("import time; time.sleep(60)", seconds=0.5)


def test_files_of_the_current_folder_are_not_taken_for_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cat_of_mine.py").write_text("")
    with pytest.raises(PasunchatError, match="cat_of_mine"):
        run_apart("import cat_of_mine")
