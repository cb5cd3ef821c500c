"""LOADERS: from the name of a run, of a shipped model or of a file to a Classifier."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from torch import nn

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
from pasunchat.classifiers.files import (
    INFO,
    WEIGHTS,
    digest_on_record,
    load_files,
    unfinished,
)
from pasunchat.classifiers.masked import Masking
from pasunchat.classifiers.modes import outside_inference_mode
from pasunchat.classifiers.shipped import DEFAULT, PREFIX, SHIPPED, shipped_folder
from pasunchat.classifiers.smoothed import Smoothing
from pasunchat.classifiers.wrappers import WRAPPERS, is_wrapped, read_wrapped, wrapped
from pasunchat.errors import PasunchatError
from pasunchat.storage import RECIPE, RUNS

Model = Classifier | nn.Module | Path | str  # what `as_classifier` takes
TORCH = (".pt", ".pt2", ".pth", ".ts", ".pkl", ".pickle", ".ckpt", ".bin")


class Loader(NamedTuple):
    """Loads models of one kind."""

    about: str  # what kind
    accepts: Callable[[str], bool]  # whether a model's name is of this kind
    load: Callable[[str, Preprocessing], Classifier]  # the name, and the requested preprocessing


def _begins(prefix: str) -> Callable[[str], bool]:
    return lambda model: model.startswith(prefix)


def _ends(*endings: str) -> Callable[[str], bool]:
    return lambda model: Path(model).suffix.lower() in endings


def _file(
    load: Callable[[Path, Preprocessing], Classifier],
) -> Callable[[str, Preprocessing], Classifier]:
    """A function that loads a path as one that loads a name. It raises PasunchatError where there
    is no such file."""

    def load_name(model: str, requested: Preprocessing) -> Classifier:
        if not Path(model).is_file():
            raise PasunchatError(f"no file {model}; expected a model")
        return load(Path(model), requested)

    return load_name


def _is_run(model: str) -> bool:
    """Whether it is a folder, or the name of one under ./runs; of a shipped model's name, whether
    a run is there, finished or not."""
    folders = (Path(model), RUNS / model)
    if model in SHIPPED:
        return any((folder / name).is_file() for folder in folders for name in (RECIPE, INFO))
    return any(folder.is_dir() for folder in folders)


def _load_run(model: str, requested: Preprocessing) -> Classifier:
    if not requested.is_empty():
        raise PasunchatError(f"{model} is a run, which states its own preprocessing; leave it out")
    return load_files(find(model))


def _load_shipped(model: str, requested: Preprocessing) -> Classifier:
    name = model.removeprefix(PREFIX)
    if name not in SHIPPED:
        raise PasunchatError(
            f'no model "{name}" comes with pasunchat; those that do: {", ".join(SHIPPED)}'
        )
    if not requested.is_empty():
        raise PasunchatError(f"{model} comes with pasunchat and states its own preprocessing")
    classifier = load_files(shipped_folder(name))
    classifier.origin = None  # nothing is written where the package lies
    classifier.known_as = f"{PREFIX}{name}"
    return classifier


def _load_wrapped(model: str, requested: Preprocessing) -> Classifier:
    """The preprocessing is that of the model inside."""
    read = read_wrapped(model)
    return wrapped(read.wrapper, load(read.model, requested), read.settings)


LOADERS = {
    **{
        name: Loader(wrapper.about, _begins(f"{name}:"), _load_wrapped)
        for name, wrapper in WRAPPERS.items()
    },
    "shipped": Loader(
        f"{PREFIX}NAME, one that comes with pasunchat: {', '.join(SHIPPED)}; so is the name alone, "
        "where no run has it",
        lambda model: model.startswith(PREFIX) or (model in SHIPPED and not _is_run(model)),
        _load_shipped,
    ),
    "run": Loader("a run of pasunchat train: its folder, or its name", _is_run, _load_run),
    "timm": Loader("timm:NAME, a classifier of timm", _begins(TIMM), load_timm),
    "hugging face": Loader(
        "hf:NAME, an image classifier of transformers", _begins(HF), load_hugging_face
    ),
    "keras": Loader(
        "a Keras file, .keras or .h5", _ends(".keras", ".h5", ".hdf5"), _file(load_keras)
    ),
    "onnx": Loader("an .onnx file", _ends(".onnx"), _file(load_onnx)),
    "safetensors": Loader(
        "a .safetensors file of pasunchat export", _ends(".safetensors"), _file(load_safetensors)
    ),
    "torch": Loader(
        "a file of torch.export (.pt2) or TorchScript (.pt, .ts)", _ends(*TORCH), _file(load_torch)
    ),
    "function": Loader(
        "module:function, which returns a torch.nn.Module", names_function, load_function
    ),
}


def load(model: str | Path | None = None, preprocessing: Preprocessing | None = None) -> Classifier:
    """Load a classifier by the first of LOADERS that accepts its name.

    model: None for the newest finished run under ./runs, and where there is none, for the shipped
    default. preprocessing: what an external model does not state itself; it may also stand behind
    the name, as in "cat.onnx:scale=0..255,classes=cat/dog". Raises PasunchatError saying what is
    missing, what is wrong with a file, or which models there are instead. The classifier's
    `known_as` loads it again, whatever runs are made later.
    """
    model = usual_model() if model is None else model
    inside = is_wrapped(str(model))  # what stands behind its name is read by its own loader
    name, behind_name = (
        (str(model), Preprocessing()) if inside else name_and_preprocessing(str(model))
    )
    requested = (preprocessing or Preprocessing()).over(behind_name)
    loads = (loader.load for loader in LOADERS.values() if loader.accepts(name))
    with outside_inference_mode():  # weights made in it take no part in a gradient
        classifier = next(loads, _load_run)(name, requested)  # _load_run's error lists the models
    if not (inside or classifier.known_as.startswith(PREFIX)) and classifier.origin is None:
        classifier.known_as = str(model)
    return classifier


def as_classifier(model: Model) -> Classifier:
    """A classifier unchanged; what `load` takes, loaded; any other torch module as
    `Classifier(module)`, which takes pixels in [0, 1] as they are. Raises PasunchatError."""
    if isinstance(model, Classifier):
        return model
    if isinstance(model, nn.Module):
        return Classifier(model)
    if isinstance(model, str | Path):
        return load(model)
    raise PasunchatError(
        f"model: expected a Classifier, a torch.nn.Module, or a model's name or path, got "
        f"{type(model).__name__}; put a function into the forward of a torch.nn.Module"
    )


def smoothed(model: Model, sigma: float = 0.25, *, draws: int = 32, seed: int = 0) -> Classifier:
    """What a model says of a picture under Gaussian noise, by vote: randomised smoothing.

    model: as `as_classifier` takes it. sigma: standard deviation of the noise on each value, pixels
    in [0, 1]. draws: how many noisy pictures it votes on where it answers; a certificate asks about
    many more. Raises PasunchatError for settings out of their range. See `smoothed.smooth`.
    """
    return wrapped("smoothed", as_classifier(model), Smoothing(sigma, draws, seed))


def masked(model: Model, area: float = 0.02, *, windows: int = 6) -> Classifier:
    """What a model says of a picture with windows blanked, by vote: PatchCleanser.

    model: as `as_classifier` takes it. area: of the largest square patch that is hidden wherever it
    lies, as a share of the picture's. windows: along each side; fewer are faster and larger. Raises
    PasunchatError for settings out of their range. See `masked.mask`.
    """
    return wrapped("masked", as_classifier(model), Masking(area, windows))


def find(model: str | Path | None) -> Path:
    """The folder of a run that holds its classifier; None: the newest. Raises PasunchatError if
    there is none."""
    if model is None:
        runs = finished_runs()
        if not runs:
            raise PasunchatError("no run yet under ./runs; train one: pasunchat train PHOTOS")
        return runs[0]
    folders = (Path(model), RUNS / model)
    for folder in folders:
        if (folder / INFO).is_file() or (folder / WEIGHTS).is_file():
            return folder
    for folder in folders:
        if (folder / RECIPE).is_file():
            raise unfinished(folder)
    if Path(model).is_dir():
        raise PasunchatError(
            f"{model} holds no classifier ({INFO} is missing); expected the folder of a run, "
            "as pasunchat train leaves it"
        )
    raise PasunchatError(
        f'no model "{model}"; there are {_names()}, and those that come with pasunchat: '
        f"{', '.join(PREFIX + name for name in SHIPPED)}; or name a folder or a model file"
    )


def finished_runs() -> list[Path]:
    """The runs under ./runs that hold a classifier, the newest first."""
    found = RUNS.glob(f"*/{INFO}")
    return [path.parent for path in sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)]


def usual_model() -> str:
    """What is loaded where no model is named: the newest run here, else a shipped one."""
    runs = finished_runs()
    return str(runs[0]) if runs else f"{PREFIX}{DEFAULT}"


def is_shadowed(model: str | None) -> bool:
    """Whether this is the bare name of a shipped model, and of a run here, which it then means."""
    return model in SHIPPED and _is_run(model)


def find_by_digest(digest: str, near: Path) -> str | None:
    """The name of the model whose classifier has this digest: the run that the file `near` lies
    in, a run under ./runs, or a shipped one; None if it is none of them."""
    folders = [*near.absolute().parents, *finished_runs()]
    names = {str(folder): folder for folder in folders if (folder / INFO).is_file()}
    shipped = {f"{PREFIX}{name}": shipped_folder(name) for name in SHIPPED}
    for name, folder in (names | shipped).items():
        if digest_on_record(folder) == digest:
            return name
    return None


def _names() -> str:
    names = [path.name for path in finished_runs()]
    return f"these runs here: {', '.join(names)}" if names else "no runs here"
