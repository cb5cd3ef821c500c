"""Optional libraries, imported when a model needs them; one line of advice where one is missing."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from pasunchat.errors import PasunchatError


def extra(module: str, extra: str) -> Any:
    """The module, imported. Raises PasunchatError with the pip line where it is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise _missing(error.name or module, extra) from error


def look_for(module: str, extra: str) -> None:
    """The same without importing it, where that takes its time."""
    if find_spec(module) is None:
        raise _missing(module, extra)


def _missing(module: str, extra: str) -> PasunchatError:
    return PasunchatError(
        f"this needs {module}, which is not installed; "
        f'install it with: pip install "pasunchat[{extra}]"'
    )


def keras_on_torch() -> Any:
    """Keras 3 with PyTorch underneath, so that its models are torch modules with gradients.

    Raises PasunchatError if it is missing, or already runs on something else in this process.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "torch"
    keras = extra("keras", "keras")
    backend = getattr(getattr(keras, "config", None), "backend", lambda: "an older Keras")()
    if backend != "torch":
        raise PasunchatError(
            f"Keras was imported before, and runs on {backend}; start again with "
            "KERAS_BACKEND=torch in the environment, or import keras after this"
        )
    return keras


@contextmanager
def quiet_hub() -> Iterator[None]:
    """Without the log of the hub's client, which reports every attempt at a connection."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def mend_torchvision() -> None:
    """Let torchvision be imported beside a torch that lacks its operators (a CPU build).

    timm and transformers import it. The operators find boxes, which no classifier does.
    """
    if find_spec("torchvision") is None or "torchvision" in sys.modules:
        return
    try:
        import_module("torchvision")
    except (RuntimeError, ImportError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        _define_operators()


def _define_operators() -> None:
    import torch

    global _LIBRARY
    _LIBRARY = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        _LIBRARY.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


_LIBRARY: Any = None  # the definitions live as long as this object
