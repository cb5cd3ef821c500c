"""The one door from a run, a name or a file to a Classifier."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.hugging_face import PREFIX as HF
from pasunchat.classifiers.external.hugging_face import load_hugging_face
from pasunchat.classifiers.external.keras import load_keras
from pasunchat.classifiers.external.onnx import load_onnx
from pasunchat.classifiers.external.preprocessing import Preprocessing, name_and_preprocessing
from pasunchat.classifiers.external.python import load_function, names_function
from pasunchat.classifiers.external.safetensors import load_safetensors
from pasunchat.classifiers.external.timm import PREFIX as TIMM
from pasunchat.classifiers.external.timm import load_timm
from pasunchat.classifiers.external.torch_files import load_torch
from pasunchat.classifiers.files import FACTS, WEIGHTS, load_files
from pasunchat.classifiers.shipped import DEFAULT, SHIPPED, shipped_folder
from pasunchat.errors import PasunchatError
from pasunchat.storage import RUNS

TORCH = (".pt", ".pt2", ".pth", ".ts", ".pkl", ".pickle", ".ckpt", ".bin")


class Door(NamedTuple):
    """about: what comes in. opens: whether a model's name is for this door. load: the name, and
    what is said of its preprocessing, to a Classifier."""

    about: str
    opens: Callable[[str], bool]
    load: Callable[[str, Preprocessing], Classifier]


def _begins(prefix: str) -> Callable[[str], bool]:
    return lambda model: model.startswith(prefix)


def _ends(*endings: str) -> Callable[[str], bool]:
    return lambda model: Path(model).suffix.lower() in endings


def _file(load: Callable[[Path, Preprocessing], Classifier]) -> Callable[..., Classifier]:
    """A loader of files, for a name: one that is not there is said so."""

    def of_name(model: str, asked: Preprocessing) -> Classifier:
        if not Path(model).is_file():
            raise PasunchatError(f"no file {model}; expected a model")
        return load(Path(model), asked)

    return of_name


def _is_run(model: str) -> bool:
    """A folder, or the name of one under ./runs."""
    return any(folder.is_dir() for folder in (Path(model), RUNS / model))


def _load_run(model: str, asked: Preprocessing) -> Classifier:
    if not asked.says_nothing():
        raise PasunchatError(f"{model} is a run, which states its own preprocessing; leave it out")
    return load_files(find(model))


def _load_shipped(model: str, asked: Preprocessing) -> Classifier:
    if not asked.says_nothing():
        raise PasunchatError(f"{model} comes with pasunchat and states its own preprocessing")
    classifier = load_files(shipped_folder(model))
    classifier.origin = None  # nothing is written where the package lies
    return classifier


DOORS = {
    "run": Door("a run of pasunchat train: its folder, or its name", _is_run, _load_run),
    "shipped": Door(
        f"one that comes with pasunchat: {', '.join(SHIPPED)}", SHIPPED.__contains__, _load_shipped
    ),
    "timm": Door("timm:NAME, a classifier of timm", _begins(TIMM), load_timm),
    "hugging face": Door(
        "hf:NAME, an image classifier of transformers", _begins(HF), load_hugging_face
    ),
    "keras": Door(
        "a Keras file, .keras or .h5", _ends(".keras", ".h5", ".hdf5"), _file(load_keras)
    ),
    "onnx": Door("an .onnx file", _ends(".onnx"), _file(load_onnx)),
    "safetensors": Door(
        "a .safetensors file of pasunchat export", _ends(".safetensors"), _file(load_safetensors)
    ),
    "torch": Door(
        "a file of torch.export (.pt2) or TorchScript (.pt, .ts)", _ends(*TORCH), _file(load_torch)
    ),
    "function": Door(
        "module:function, which returns a torch.nn.Module", names_function, load_function
    ),
}


def load(model: str | Path | None = None, preprocessing: Preprocessing | None = None) -> Classifier:
    """A classifier by one of DOORS; None: the newest finished run under ./runs, and where there is
    none, the shipped `simple`.

    preprocessing: what a model from outside does not state itself; or behind its name, as in
    "cat.onnx:scale=0..255,classes=cat/dog". Raises PasunchatError saying what is missing, what is
    wrong with a file, or what is there instead.
    """
    model = usual_model() if model is None else model
    name, said = name_and_preprocessing(str(model))
    asked = (preprocessing or Preprocessing()).over(said)
    doors = (door.load for door in DOORS.values() if door.opens(name))
    found = next(doors, _load_run)(name, asked)  # a run says what there is instead
    found.known_as = str(model)
    return found


def find(model: str | Path | None) -> Path:
    """The folder of a run that holds its classifier; None: the newest. Raises PasunchatError if
    there is none."""
    if model is None:
        runs = finished_runs()
        if not runs:
            raise PasunchatError("no run yet under ./runs; train one: pasunchat train PHOTOS")
        return runs[0]
    for folder in (Path(model), RUNS / model):
        if (folder / FACTS).is_file() or (folder / WEIGHTS).is_file():
            return folder
    if Path(model).is_dir():
        raise PasunchatError(
            f"{model} holds no classifier ({FACTS} is missing); expected the folder of a run, "
            "as pasunchat train leaves it"
        )
    raise PasunchatError(
        f'no model "{model}"; expected the folder of a run or {_names()}, or a model of another '
        "kind (docs/models.md)"
    )


def finished_runs() -> list[Path]:
    """The runs under ./runs that hold a classifier, the newest first."""
    found = RUNS.glob(f"*/{FACTS}")
    return [path.parent for path in sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)]


def usual_model() -> str:
    """What is loaded where no model is named: the newest run here, else a shipped one."""
    runs = finished_runs()
    return str(runs[0]) if runs else DEFAULT


def _names() -> str:
    names = [path.name for path in finished_runs()]
    return f"one of the runs here: {', '.join(names)}" if names else "a run (there are none here)"
