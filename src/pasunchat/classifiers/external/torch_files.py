"""PyTorch's own files: torch.export (.pt2) and TorchScript (.pt, .ts); pickles are refused."""

import pickle
import warnings
import zipfile
from pathlib import Path

import torch

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.assemble import InParts, assemble
from pasunchat.classifiers.external.exported_program import refuse_calls
from pasunchat.classifiers.external.info import KEY, read_info, with_exported
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.errors import PasunchatError

INSTEAD = (
    "save it by torch.export.save, or build it in a function of your own and name that: "
    "module:function"
)


def load_torch(path: Path, requested: Preprocessing) -> Classifier:
    """The Classifier in a .pt2 or TorchScript file. A .pt2 of `export` states its own info.

    Raises PasunchatError for a pickle, a file of weights only, and one that is damaged.
    """
    if not zipfile.is_zipfile(path):
        raise _no_archive(path)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if any(name.endswith("/archive_format") for name in names):
            refuse_calls(archive, str(path))
            return _of_program(path, requested)
    if any("/code/" in name for name in names):
        return _of_script(path, requested)
    raise _pickled(path)


def _of_program(path: Path, requested: Preprocessing) -> Classifier:
    metadata = {KEY: ""}  # torch fills in the keys that it finds
    try:
        program = torch.export.load(path, extra_files=metadata)
        network, rows = program.module(), _fixed_rows(program)
    except Exception as error:  # torch's reader has many kinds of error
        raise _damaged(path, error) from error
    exported = read_info({key: value for key, value in metadata.items() if value}, str(path))
    preprocessing = requested.over(exported.preprocessing() if exported else Preprocessing())
    classifier = assemble(
        network if rows is None else InParts(network, rows),
        preprocessing,
        str(path),
        made_of=path.read_bytes(),
        ending="unbounded" if exported else None,
    )
    return with_exported(classifier, exported)


def _fixed_rows(program: torch.export.ExportedProgram) -> int | None:
    """How many rows its one input has, where it was exported for a number of them."""
    given = set(program.graph_signature.user_inputs)
    shapes = [node.meta["val"].shape for node in program.graph.nodes if node.name in given]
    return next((shape[0] for shape in shapes if shape and isinstance(shape[0], int)), None)


def _of_script(path: Path, requested: Preprocessing) -> Classifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have torch.export
        try:
            network = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
        except Exception as error:
            raise _damaged(path, error) from error
    return assemble(network, requested, str(path), made_of=path.read_bytes())


def _pickled(path: Path) -> PasunchatError:
    """The error for a pickle, of weights or of a network: neither is opened."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        return PasunchatError(
            f"{path} is a pickle of a whole network, which would run its own code on opening; "
            f"{INSTEAD}"
        )
    except Exception as error:
        return _damaged(path, error)
    return PasunchatError(
        f"{path} holds weights without their network; build the network and load them in a "
        "function of your own and name that: module:function"
    )


def _no_archive(path: Path) -> PasunchatError:
    with path.open("rb") as file:
        first = file.read(2)
    if first[:1] == b"\x80":
        return PasunchatError(
            f"{path} is a pickle, which would run its own code on opening; {INSTEAD}"
        )
    return _damaged(path, "it is no archive")


def _damaged(path: Path, error: object) -> PasunchatError:
    reason = " ".join(str(error).split())[:200]
    return PasunchatError(f"{path} is damaged or no file of PyTorch: {reason}")
