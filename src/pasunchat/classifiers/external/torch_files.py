"""Files of PyTorch's own: torch.export (.pt2) and TorchScript (.pt, .ts); pickles are refused."""

import pickle
import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.assemble import assemble
from pasunchat.classifiers.external.exported_program import refuse_calls
from pasunchat.classifiers.external.facts import KEY, facts_in, with_facts
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.errors import PasunchatError

INSTEAD = (
    "save it by torch.export.save, or build it in a function of your own and name that: "
    "module:function"
)


class Program(nn.Module):
    """An exported program as a module: it has no modes, and says so with an error if asked."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def forward(self, pixels: Tensor) -> Tensor:
        """What it gives."""
        outputs: Tensor = self.program(pixels)
        return outputs

    def train(self, mode: bool = True) -> "Program":
        """As it was exported."""
        self.training = mode
        return self


def load_torch(path: Path, asked: Preprocessing) -> Classifier:
    """The Classifier in a .pt2 or TorchScript file. Our own .pt2 states all facts itself.

    Raises PasunchatError for a pickle, a file of weights only, and one that is damaged.
    """
    if not zipfile.is_zipfile(path):
        raise _no_archive(path)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if any(name.endswith("/archive_format") for name in names):
            refuse_calls(archive, str(path))
            return _of_program(path, asked)
    if any("/code/" in name for name in names):
        return _of_script(path, asked)
    raise _pickled(path)


def _of_program(path: Path, asked: Preprocessing) -> Classifier:
    said = {KEY: ""}
    try:
        program = torch.export.load(path, extra_files=said).module()
    except Exception as error:  # whatever torch's reader says of a damaged file
        raise _damaged(path, error) from error
    facts = facts_in({key: value for key, value in said.items() if value}, str(path))
    stated = facts.preprocessing() if facts else Preprocessing()
    network = Program(program)
    return with_facts(
        assemble(network, asked.over(stated), str(path), made_of=path.read_bytes()), facts
    )


def _of_script(path: Path, asked: Preprocessing) -> Classifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have torch.export
        try:
            network = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
        except Exception as error:
            raise _damaged(path, error) from error
    return assemble(network, asked, str(path), made_of=path.read_bytes())


def _pickled(path: Path) -> PasunchatError:
    """Whether of weights or of a network: neither is opened."""
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
