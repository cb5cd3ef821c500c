"""module:function, a function in the user's own code that returns a torch module."""

import re
import sys
from importlib import import_module
from pathlib import Path

import torch
from torch import nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.assemble import assemble
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.classifiers.outputs import in_one_line
from pasunchat.errors import PasunchatError
from pasunchat.runtime import generator

NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def names_function(model: str) -> bool:
    """Whether it reads as module:function."""
    return NAME.fullmatch(model) is not None


def load_function(model: str, requested: Preprocessing) -> Classifier:
    """The network that the function returns, as a Classifier; a Classifier is returned unchanged.

    Modules are looked for in Python's path and in the current folder.
    Raises PasunchatError if there is no such function, or it returns something else.
    """
    module, _, name = model.partition(":")
    made = _called(module, name, model)
    if isinstance(made, Classifier):
        if not requested.is_empty():
            raise PasunchatError(
                f"{model} returns a Classifier, which states its own preprocessing; leave it out"
            )
        if made.size is not None:
            made.find_company(torch.rand(2, 3, made.size, made.size, generator=generator("probe")))
        return made.eval()
    if not isinstance(made, nn.Module):
        raise PasunchatError(
            f"{model} returns {type(made).__name__}; expected a torch.nn.Module, or a "
            "pasunchat.Classifier"
        )
    return assemble(made.eval(), requested, model, made_of=f"{model} {type(made).__name__}")


def _called(module: str, name: str, model: str) -> object:
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        raise PasunchatError(
            f"{model}: no module named {error.name} in Python's path or the current folder"
        ) from error
    except Exception as error:  # whatever the user's code raises
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise PasunchatError(f"{model}: {module} cannot be imported: {reason}") from error
    finally:
        if added:
            sys.path.remove(here)
    function = getattr(found, name, None)
    if not callable(function):
        there = [n for n, value in vars(found).items() if callable(value) and n[:1] != "_"]
        raise PasunchatError(
            f"{module} has no function {name}; it has: {', '.join(there[:8]) or 'none'}"
        )
    with in_one_line(f"{model} cannot be called without arguments"):
        return function()
