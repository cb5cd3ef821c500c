"""A check of .pt2 files before torch opens them: no pickles, and only calls on an allow-list.

It follows the format of torch.export (torch/_export/serde/schema.py) and is tested with torch 2.13.
"""

import io
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any

import torch

from pasunchat.errors import PasunchatError

CALLS = re.compile(r"torch\.ops\.(aten|prim|prims|torchvision)\.\w+\.\w+|_operator\.\w+|math\.\w+")
SYMBOLIC = re.compile(r"torch\.sym_\w+")
SUM = re.compile(r"[\w\s(),='+\-*]*")  # as sympy writes one out: Mul(Integer(2), Symbol('s0'))
SUMS = {
    *("Symbol", "Integer", "Add", "Mul", "Pow", "Mod", "PythonMod", "FloorDiv", "CleanDiv"),
    *("CeilToInt", "FloorToInt", "IntTrueDiv", "Max", "Min", "Rational", "Float"),
    *("And", "Or", "Not", "Equality", "Unequality"),
    *("GreaterThan", "LessThan", "StrictGreaterThan", "StrictLessThan"),
}
OBJECTS = ("custom_obj", "opaque_obj")


def refuse_calls(archive: zipfile.ZipFile, origin: str) -> None:
    """Look through a .pt2 before torch opens it.

    Raises PasunchatError for a pickled tensor or object, a call of anything but torch's
    operators, sums that are no plain arithmetic, and a damaged archive.
    """
    try:
        for name in archive.namelist():
            if any(kind in name for kind in OBJECTS):
                raise _refused(origin, "a pickled object")
            if name.endswith(".json"):
                _refuse_within(json.loads(archive.read(name)), origin)
            if "/sample_inputs/" in name and archive.getinfo(name).file_size:
                _refuse_pickle(archive.read(name))
    except (pickle.UnpicklingError, EOFError) as error:
        raise _refused(origin, "a pickled object") from error
    except (ValueError, zipfile.BadZipFile, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PasunchatError(f"{origin} is damaged: {reason}") from error


def _refuse_pickle(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.load(io.BytesIO(data), weights_only=True)


def _refuse_within(part: Any, origin: str) -> None:
    for key, value in _entries(part):
        if key == "use_pickle" and value:
            raise _refused(origin, "a pickled tensor")
        if key == "target" and isinstance(value, str) and not _is_operator(value):
            raise _refused(origin, f"a call of {value}")
        if key == "expr_str" and not _is_sum(str(value)):
            raise _refused(origin, "an expression that is no sum")
        if key == "guards_code" and any("__" in str(line) for line in value or ()):
            raise _refused(origin, "code")


def _entries(part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        yield from part.items()
    for value in part.values() if isinstance(part, dict) else part:
        if isinstance(value, dict | list):
            yield from _entries(value)


def _is_operator(target: str) -> bool:
    return bool(CALLS.fullmatch(target) or SYMBOLIC.fullmatch(target))


def _is_sum(text: str) -> bool:
    calls = set(re.findall(r"(\w+)\s*\(", text))
    return SUM.fullmatch(text) is not None and "__" not in text and calls <= SUMS


def _refused(origin: str, what: str) -> PasunchatError:
    return PasunchatError(
        f"{origin} holds {what}, which could run code on opening; export the network without it, "
        "or build it in a function of your own and name that: module:function"
    )
