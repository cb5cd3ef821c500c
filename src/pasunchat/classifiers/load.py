"""The one door from a name or a folder to a Classifier."""

from pathlib import Path

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.files import FACTS, WEIGHTS, load_files
from pasunchat.errors import PasunchatError

RUNS = Path("runs")


def load(model: str | Path | None = None) -> Classifier:
    """A trained classifier: the folder of a run, a run's name under ./runs, or, for None, the
    newest finished run there. Raises PasunchatError saying what is there instead."""
    return load_files(find(model))


def find(model: str | Path | None) -> Path:
    """The folder that holds the classifier. Raises PasunchatError if there is none."""
    if model is None:
        return _newest()
    for folder in (Path(model), RUNS / model):
        if (folder / FACTS).is_file() or (folder / WEIGHTS).is_file():
            return folder
    if Path(model).is_dir():
        raise PasunchatError(
            f"{model} holds no classifier ({FACTS} is missing); expected the folder of a run, "
            "as pasunchat train leaves it"
        )
    raise PasunchatError(f'no model "{model}"; expected the folder of a run or {_names()}')


def finished_runs() -> list[Path]:
    """The runs under ./runs that hold a classifier, the newest first."""
    found = RUNS.glob(f"*/{FACTS}")
    return [path.parent for path in sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)]


def _newest() -> Path:
    runs = finished_runs()
    if not runs:
        raise PasunchatError(
            "no model yet: train one (pasunchat train PHOTOS), or name one with --model"
        )
    return runs[0]


def _names() -> str:
    names = [path.name for path in finished_runs()]
    return f"one of the runs here: {', '.join(names)}" if names else "a run (there are none here)"
