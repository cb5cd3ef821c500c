"""Which packages are installed, whether they can be imported, and whether they fit each other."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from typing import NamedTuple

from pasunchat.doctor.check import Check

SECONDS = 180  # a first import may compile, and a school's virus scanner reads along
OUTSIDE = "from pasunchat.classifiers.external.extras import"
MENDED = f"{OUTSIDE} mend_torchvision; mend_torchvision()"
WHEELS = "https://download.pytorch.org/whl"


class Extra(NamedTuple):
    """serves: what it is for. packages: as pyproject.toml asks for them. trial: Python that runs
    where the extra works."""

    serves: str
    packages: tuple[str, ...]
    trial: str


EXTRAS = {
    "fast": Extra(
        "the kernel that trains and attacks `simple` faster",
        ("numba>=0.60",),
        "from pasunchat.classifiers.fast.step import try_out; try_out()",
    ),
    "keras": Extra("Keras files", ("keras>=3.12",), f"{OUTSIDE} keras_on_torch; keras_on_torch()"),
    "onnx": Extra(
        "ONNX files, read and written",
        ("onnx>=1.17", "onnxruntime>=1.20", "onnxscript>=0.5"),
        "import onnx, onnxruntime, onnxscript",
    ),
    "timm": Extra("models named timm:NAME", ("timm>=1.0.12",), f"{MENDED}; import timm"),
    "hf": Extra(
        "models named hf:NAME",
        ("transformers>=4.56",),
        f"{MENDED}; from transformers import AutoModelForImageClassification",
    ),
    "parquet": Extra("tables as Parquet", ("pyarrow>=17",), "import pyarrow.parquet"),
}


def extra(name: str) -> Check:
    """One of EXTRAS: installed, new enough, and at work in a Python of its own."""
    serves, packages, trial = EXTRAS[name]
    what, line = f"extra {name}", f'pip install "pasunchat[{name}]"'
    have = {package: installed(_name(package)) for package in packages}
    if not any(have.values()):
        return Check(what, "not installed", "absent", f"for {serves}: {line}")
    found = ", ".join(f"{_name(p)} {v or 'not installed'}" for p, v in have.items())
    if not all(have.values()):
        return Check(what, found, "absent", f"for {serves}: {line}")
    if any(too_old(package) for package in packages):
        wanted = ", ".join(packages)
        return Check(what, found, "broken", f"too old, expected {wanted}; upgrade: {line}")
    trouble = import_trouble(trial)
    if trouble:
        again = " ".join(f'"{package}"' for package in packages)
        advice = f"{serves} will not work ({trouble}); pip install --force-reinstall {again}"
        return Check(what, found, "broken", advice)
    return Check(what, found, "ok")


def dependencies() -> Check:
    """What pasunchat cannot be without: each is there and new enough."""
    needed = [each for each in requires("pasunchat") or () if "extra ==" not in each]
    wrong = [each for each in needed if installed(_name(each)) is None or too_old(each)]
    if not wrong:
        return Check("dependencies", f"{len(needed)} packages, new enough", "ok")
    found = ", ".join(f"{_name(each)} {installed(_name(each)) or 'missing'}" for each in wrong)
    again = " ".join(f'"{each}"' for each in wrong)
    return Check("dependencies", found, "broken", f"install what is expected: pip install {again}")


def torchvision() -> Check:
    """torchvision, which timm and transformers import: made for the torch that is here?"""
    have = installed("torchvision")
    if have is None:
        advice = f"only timm and some of transformers want it: {torchvision_line()}"
        return Check("torchvision", "not installed", "absent", advice)
    made_for, torch = _torch_wanted(), (installed("torch") or "").partition("+")[0]
    trouble = import_trouble("import torchvision")
    if made_for not in (None, torch):
        why = f"it is made for torch {made_for}, and here is torch {torch}"
    elif trouble:
        why = "it is of another build than torch, as one for CUDA beside a torch for the CPU"
    else:
        return Check("torchvision", have, "ok")
    said = f"it does not import ({trouble}): {why}" if trouble else why
    advice = f"{said}; timm: and hf: go round that, other programs do not: {torchvision_line()}"
    return Check("torchvision", have, "broken", advice)


def torchvision_line() -> str:
    """The pip line for the torchvision of the torch that is here.

    torch 2.N.M and torchvision 0.(N+15).M belong together, from 2.1 on, and of one build
    (pytorch/vision, README). --no-deps leaves torch as it is.
    """
    import torch

    major, minor, patch = torch.__version__.partition("+")[0].split(".")[:3]
    pinned = f"==0.{int(minor) + 15}.{patch}" if major == "2" and patch.isdigit() else ""
    line = f"pip install --force-reinstall --no-deps torchvision{pinned}"
    if sys.platform == "darwin":  # one build for all Macs
        return line
    return f"{line} --index-url {WHEELS}/{torch_build()}"


def torch_build() -> str:
    """What torch is built for, as its download folders spell it: cpu, cu126, rocm6.3."""
    import torch

    if torch.version.cuda:
        return f"cu{torch.version.cuda.replace('.', '')}"
    if torch.version.hip:
        return f"rocm{'.'.join(torch.version.hip.split('.')[:2])}"
    return "cpu"


def installed(package: str) -> str | None:
    """The version of a package that is installed, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def too_old(requirement: str) -> bool:
    """Is an installed package outside the versions of, say, "numba>=0.60"?"""
    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    return not wanted.specifier.contains(installed(wanted.name) or "0", prereleases=True)


def import_trouble(code: str) -> str | None:
    """Why a fresh Python cannot run `code`, in a few words; None where it can.

    In a process of its own, so that one that crashes is survived, and changes nothing here.
    """
    command = [sys.executable, "-P", "-c", code]  # -P: files of the current folder are no modules
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"no end within {SECONDS} seconds"
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines()
    if done.returncode < 0 or not lines:
        return f"Python crashed, status {done.returncode}"
    return lines[-1].strip()[:200]


def _name(requirement: str) -> str:
    from packaging.requirements import Requirement

    return Requirement(requirement).name


def _torch_wanted() -> str | None:
    """The exact torch that torchvision's own facts ask for, without its build."""
    from packaging.requirements import Requirement

    for each in map(Requirement, requires("torchvision") or ()):
        exact = [part.version for part in each.specifier if part.operator == "=="]
        if each.name == "torch" and exact:
            return exact[0].partition("+")[0]
    return None
