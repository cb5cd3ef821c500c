"""Models: the classifiers that a page shows, named at once and loaded by a thread behind it."""

import json
import struct
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Literal

import msgspec

from pasunchat.classifiers.shipped import PREFIX, SHIPPED, shipped_folder
from pasunchat.page.refusals import Refused
from pasunchat.page.workers import Workers
from pasunchat.storage import RUNS

if TYPE_CHECKING:
    from pasunchat.classifiers.classifier import Classifier

FIRST = "simple"  # of the shipped ones: each of its numbers can be shown
INFO, WEIGHTS, EVALUATION = "classifier.json", "weights.safetensors", "evaluation/evaluation.json"
PATIENCE = 1.0  # seconds that loading waits for the first visitor
HEADER = struct.Struct("<Q")  # of a safetensors file: how long its JSON is


@dataclass
class ModelFacts:
    """What the page says of a model. What is None is not known, or not known yet."""

    run: str  # a short name for it in requests
    name: str  # that loads it
    classes: list[str]
    size: int | None
    parameters: int | None = None
    accuracy: dict[str, float] | None = None  # value, low, high, photos
    calibration_error: float | None = None
    bins: list[dict[str, float]] | None = None  # low, high, photos, right
    layers: list[dict[str, object]] = field(default_factory=list)
    table: list[dict[str, object]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    first: str | None = None
    gradient: bool = True
    votes: bool = False
    mirror: bool = False
    mean: list[float] = field(default_factory=list)
    std: list[float] = field(default_factory=list)
    data: Literal["demo"] | None = None
    shipped: bool = False


@dataclass
class Model:
    """One model. Two copies of it are loaded, so that each is asked by one thread alone."""

    facts: ModelFacts
    asked: "Future[Classifier]" = field(default_factory=Future)  # by quick questions
    complete: "Future[None]" = field(default_factory=Future)  # all facts are there
    _searched: "Classifier | None" = None

    def searched(self) -> "Classifier":
        """The copy that searches run through; to be called in their thread."""
        if self._searched is None:
            self._searched = loaded(self.facts.name)
        return self._searched


class Models:
    """Those of a page, by the short names of their requests."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.by_run = {
            f"m{place}": Model(quick_facts(f"m{place}", name))
            for place, name in enumerate(names or usual())
        }

    @property
    def first(self) -> str:
        """The short name of the one that is shown first."""
        return next(iter(self.by_run))

    def of(self, run: str | None) -> Model:
        """A model by its short name, the first where none is given. Raises Refused."""
        found = self.by_run.get(run or self.first)
        if found is None:
            raise Refused(404, "g_run")
        return found

    def facts(self) -> list[ModelFacts]:
        """Of all, as far as they are known."""
        return [model.facts for model in self.by_run.values()]

    def load(self, workers: Workers, shown: Event) -> None:
        """Begin to load all of them, one after the other, the first one first. shown: set once the
        first screen is there, which an import of PyTorch would hold up."""
        workers.loading.submit(shown.wait, PATIENCE)
        for model in self.by_run.values():
            workers.loading.submit(_load, model)


def _load(model: Model) -> None:
    """Load one and find out its facts; whoever waits for them is told what went wrong."""
    try:
        classifier = loaded(model.facts.name)
        warm(classifier)
        fill_in(model.facts, classifier)
    except BaseException as error:
        model.asked.set_exception(error)
        model.complete.set_exception(error)
        return
    model.asked.set_result(classifier)
    model.complete.set_result(None)


def loaded(name: str) -> "Classifier":
    """A classifier that is only asked: its weights want no gradient."""
    from pasunchat.classifiers.load import load

    classifier = load(name)
    classifier.eval().requires_grad_(False)
    return classifier


def warm(classifier: "Classifier") -> None:
    """Ask once, forward and back, so that the first visitor does not wait for what is made at the
    first question (kernels, adapters)."""
    import torch

    if classifier.size is None:
        return
    pixels = torch.full((1, 3, classifier.size, classifier.size), 0.5)
    classifier.predict_logits(pixels)


def fill_in(facts: ModelFacts, classifier: "Classifier") -> None:
    """Add what only the classifier itself says."""
    facts.name = classifier.known_as
    facts.parameters = sum(number.numel() for number in classifier.network.parameters())
    facts.classes = list(classifier.classes)
    facts.size = classifier.size
    facts.mirror = classifier.info.mirrored
    facts.mean = classifier.mean.flatten().tolist()
    facts.std = classifier.std.flatten().tolist()


def usual() -> tuple[str, ...]:
    """What is shown where no model is named: the shipped ones."""
    others = [name for name in SHIPPED if name != FIRST]
    return tuple(f"{PREFIX}{name}" for name in (FIRST, *sorted(others, reverse=True)))


def refuse_unknown(names: Iterable[str]) -> None:
    """Raise PasunchatError for a model that cannot be loaded, before there is a page. Shipped ones
    and finished runs are known by their files; any other is loaded, which takes its time."""
    for name in names:
        if folder_of(name) is None:
            loaded(name)


def folder_of(name: str) -> Path | None:
    """The folder of a shipped model or of a run by its name; None for any other."""
    bare = name.removeprefix(PREFIX)
    if bare in SHIPPED and (name.startswith(PREFIX) or not (RUNS / bare / INFO).is_file()):
        return shipped_folder(bare)
    folders = (Path(name), RUNS / name)
    return next((folder for folder in folders if (folder / INFO).is_file()), None)


def quick_facts(run: str, name: str) -> ModelFacts:
    """What is known of a model without PyTorch: of a shipped one and of a run, what its files
    say."""
    folder = folder_of(name)
    if folder is None:
        return ModelFacts(run, name, [], None)
    saved = msgspec.json.decode((folder / INFO).read_bytes(), type=_Saved)
    facts = ModelFacts(run, name.removeprefix(PREFIX), saved.info.classes, saved.info.size)
    facts.shipped = folder == shipped_folder(folder.name)
    facts.mirror = saved.info.mirrored
    if not saved.pretrained_base:
        facts.parameters = _numbers_in(folder / WEIGHTS)
    add_evaluation(facts, folder)
    return facts


def add_evaluation(facts: ModelFacts, folder: Path) -> None:
    """Add how good it was on test photos, where that has been measured for these weights."""
    path = folder / EVALUATION
    if not path.is_file():
        return
    found = msgspec.json.decode(path.read_bytes(), type=_Evaluated)
    digest = msgspec.json.decode((folder / INFO).read_bytes(), type=_Saved).digest
    if found.classifier != digest:
        return
    low, high = found.interval
    facts.accuracy = {"value": found.accuracy, "low": low, "high": high, "photos": found.photos}
    facts.calibration_error = found.calibration_error
    facts.bins = [
        {"low": b.low, "high": b.high, "photos": b.photos, "right": round(b.photos * b.accuracy)}
        for b in found.bins
    ]


class _Info(msgspec.Struct):
    classes: list[str]
    size: int | None
    mirrored: bool = False


class _Saved(msgspec.Struct):
    """The part of classifier.json that is read here."""

    info: _Info
    digest: str
    pretrained_base: bool = False


class _Bin(msgspec.Struct):
    low: float
    high: float
    photos: int
    accuracy: float


class _Evaluated(msgspec.Struct):
    """The part of evaluation.json that is read here."""

    classifier: str
    photos: int
    accuracy: float
    interval: tuple[float, float]
    calibration_error: float
    bins: list[_Bin]


def _numbers_in(weights: Path) -> int:
    """How many numbers a safetensors file holds, by its header."""
    with weights.open("rb") as file:
        (length,) = HEADER.unpack(file.read(HEADER.size))
        header = json.loads(file.read(length))
    return sum(prod(part["shape"]) for name, part in header.items() if name != "__metadata__")
