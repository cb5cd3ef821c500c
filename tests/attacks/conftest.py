"""Peers that attacks are compared with, made importable where they are installed."""

import sys
from importlib.util import find_spec
from types import ModuleType

import pytest

from pasunchat.extras import mend_torchvision


@pytest.fixture(scope="session", autouse=True)
def _adv_lib_without_visdom() -> None:
    """adv-lib imports torchvision, and visdom, which draws curves in a browser; no test does."""
    if find_spec("adv_lib") is None:
        return
    mend_torchvision()
    if find_spec("visdom") is None:
        sys.modules["visdom"] = ModuleType("visdom")
