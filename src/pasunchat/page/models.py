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

from pasunchat.classifiers.shipped import PREFIX, SHIPPED, TO_BE_WRAPPED, shipped_folder
from pasunchat.errors import PasunchatError
from pasunchat.intervals import interval_of
from pasunchat.page.refusals import Refused
from pasunchat.page.workers import Workers
from pasunchat.storage import RUNS

if TYPE_CHECKING:
    from torch import Tensor

    from pasunchat.classifiers.classifier import Classifier
    from pasunchat.explain import LayerInfo

FIRST = "simple"  # of the shipped ones: each of its numbers can be shown
INFO, WEIGHTS, CALIBRATION = "classifier.json", "weights.safetensors", "calibration.json"
EVALUATION = "evaluation/evaluation.json"
FOOLED = "fooled/*/result.json"
UNSEEN = ("test", "validation")  # photos that say something of others
ANY_SIZE = 224  # of a blank picture for a model that takes any
PATIENCE = 4.0  # seconds that loading waits for the first visitor's first screen
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
    digest: str | None = None  # of the classifier, where it is known already
    asked: "Future[Classifier]" = field(default_factory=Future)  # by quick questions
    looked_into: "Future[Classifier]" = field(default_factory=Future)  # the other; facts are there

    def searched(self) -> "Classifier":
        """The copy that searches run through; to be called in their thread."""
        return self.looked_into.result()


class Models:
    """Those of a page, by the short names of their requests."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.by_run = {
            f"m{place}": Model(quick_facts(f"m{place}", name), digest=digest_on_record(name))
            for place, name in enumerate(names or usual())
        }
        if self._example() is None:
            run = f"m{len(self.by_run)}"
            self.by_run[run] = Model(quick_facts(run, PREFIX + FIRST))

    @property
    def of_example(self) -> str:
        """The short name of the network that the finished example is of. It is always there."""
        found = self._example()
        assert found is not None
        return found

    def _example(self) -> str | None:
        models = self.by_run.items()
        return next((run for run, m in models if m.facts.shipped and m.facts.name == FIRST), None)

    @property
    def first(self) -> Model:
        """The one that is shown first."""
        return next(iter(self.by_run.values()))

    def of(self, run: str | None) -> Model:
        """A model by its short name, the first where none is given. Raises Refused."""
        found = self.by_run.get(run) if run else self.first
        if found is None:
            raise Refused(404, "g_run")
        return found

    def with_digest(self, digest: str) -> Model | None:
        """The one whose classifier has this digest."""
        return next((model for model in self.by_run.values() if model.digest == digest), None)

    def facts(self) -> list[ModelFacts]:
        """Of all, as far as they are known."""
        return [model.facts for model in self.by_run.values()]

    def load(self, workers: Workers, shown: Event) -> None:
        """Begin to load all of them, one after the other, the first one first. shown: set once the
        first screen stands, which an import of PyTorch would hold up."""
        workers.loading.submit(shown.wait, PATIENCE)
        workers.loading.submit(import_searches)
        for model in self.by_run.values():
            workers.loading.submit(_load, model)

    def give_up(self) -> None:
        """Let nobody wait any longer for those that are not loaded."""
        for model in self.by_run.values():
            model.asked.cancel()
            model.looked_into.cancel()


def import_searches() -> None:
    """Import what the first search needs, with PyTorch, so that whoever begins it does not wait."""
    import pasunchat.page.aftermath
    import pasunchat.page.others  # noqa: F401


def _load(model: Model) -> None:
    """Load one and find out its facts; whoever waits for them is told what went wrong."""
    try:
        classifier = loaded(model.facts.name)
        warm(classifier)
        model.digest = classifier.digest()
        model.asked.set_result(classifier)
        other = loaded(model.facts.name)
        fill_in(model.facts, other)
        model.looked_into.set_result(other)
    except BaseException as error:
        for future in (model.asked, model.looked_into):
            if not future.done():
                future.set_exception(error)


def loaded(name: str) -> "Classifier":
    """A classifier that is only asked: its weights want no gradient."""
    from pasunchat.classifiers.load import load

    classifier = load(name)
    classifier.eval().requires_grad_(False)
    return classifier


def warm(classifier: "Classifier") -> None:
    """Ask once, forward and back, so that the first visitor does not wait for what is made at the
    first question (kernels, adapters)."""
    if classifier.size is not None:
        classifier.predict_logits(_grey(classifier))


def fill_in(facts: ModelFacts, classifier: "Classifier") -> None:
    """Add what only the classifier itself says."""
    from pasunchat.classifiers.summary import describe
    from pasunchat.explain import layers_of, shown_layers

    facts.name = shortest(classifier.known_as)
    facts.parameters = sum(number.numel() for number in classifier.network.parameters())
    facts.size, facts.mirror = classifier.size, classifier.info.mirrored
    facts.classes = list(classifier.classes) or class_numbers(classifier)
    facts.mean, facts.std = classifier.mean.flatten().tolist(), classifier.std.flatten().tolist()
    facts.gradient = has_gradient(classifier)
    try:
        layers, shown = layers_of(classifier), shown_layers(classifier)
        facts.layers = [layer_facts(layer) for layer in layers]
        facts.shown, facts.first = list(shown), shown[0] if shown else None
        facts.votes = has_votes(classifier)
        facts.table = [
            {
                "name": layer.name,
                "kind": layer.kind,
                "output": list(layer.shape),
                "parameters": layer.parameters,
                "sees": layer.seen[0],
            }
            for layer in describe(classifier).layers
        ]
    except PasunchatError:  # it cannot be run on a blank picture of any size
        return


def class_numbers(classifier: "Classifier") -> list[str]:
    """The names of classes that have numbers only."""
    if classifier.size is None:
        return []
    count = classifier.predict_logits(_grey(classifier)).shape[1]
    return [classifier.class_name(index) for index in range(count)]


def has_gradient(classifier: "Classifier") -> bool:
    """Whether one comes back from the logits to the pixels."""
    import torch

    if classifier.size is None:
        return True
    pixels = _grey(classifier).requires_grad_()
    try:
        with torch.enable_grad():
            logits = classifier(pixels)
            if not logits.requires_grad:
                return False
            (slope,) = torch.autograd.grad(logits.sum(), pixels, allow_unused=True)
    except (RuntimeError, PasunchatError):
        return False
    return slope is not None


def has_votes(classifier: "Classifier") -> bool:
    """Whether its last sum can be taken apart place by place."""
    import numpy as np

    from pasunchat.explain import votes

    side = classifier.size or ANY_SIZE
    return votes(classifier, np.full((side, side, 3), 128, np.uint8), 0) is not None


def layer_facts(layer: "LayerInfo") -> dict[str, object]:
    """A layer as the page knows it."""
    field_ = layer.field
    return {
        "name": layer.name,
        "kind": layer.kind,
        "kernel": list(layer.kernel),
        "stride": list(layer.stride),
        "groups": layer.groups,
        "inputs": layer.inputs,
        "outputs": layer.outputs,
        "parameters": layer.parameters,
        "sees": None if field_ is None else [field_.stride, field_.offset, field_.size],
    }


def _grey(classifier: "Classifier") -> "Tensor":
    import torch

    side = classifier.size or ANY_SIZE
    return torch.full((1, 3, side, side), 0.5)


def usual() -> tuple[str, ...]:
    """What is shown where no model is named: the shipped ones that answer by themselves, FIRST
    before the others."""
    others = (name for name in SHIPPED if name not in (FIRST, *TO_BE_WRAPPED))
    return tuple(f"{PREFIX}{name}" for name in (FIRST, *others))


def shortest(name: str) -> str:
    """A model's name without what says that it comes with the package, where that is plain."""
    bare = name.removeprefix(PREFIX)
    return name if folder_of(bare) != folder_of(name) else bare


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


def digest_on_record(name: str) -> str | None:
    """The digest of a shipped model or a run, as its file states it."""
    folder = folder_of(name)
    if folder is None:
        return None
    return msgspec.json.decode((folder / INFO).read_bytes(), type=_Saved).digest


def fooled_by(model: Model) -> Path | None:
    """The folder of a run that has fooled a photo; None for any other model."""
    folder = folder_of(model.facts.name)
    if folder is None or model.facts.shipped or not any(folder.glob(FOOLED)):
        return None
    return folder


def quick_facts(run: str, name: str) -> ModelFacts:
    """What is known of a model without PyTorch: of a shipped one and of a run, what its files
    say."""
    folder = folder_of(name)
    if folder is None:
        return ModelFacts(run, name, [], None)
    saved = msgspec.json.decode((folder / INFO).read_bytes(), type=_Saved)
    facts = ModelFacts(run, shortest(name), saved.info.classes, saved.info.size)
    facts.shipped = folder == shipped_folder(folder.name)
    facts.mirror = saved.info.mirrored
    if not saved.pretrained_base:
        facts.parameters = _numbers_in(folder / WEIGHTS)
    add_evaluation(facts, folder, saved.digest)
    return facts


def add_evaluation(facts: ModelFacts, folder: Path, digest: str) -> None:
    """Add how good it was on photos it was not trained on, where that is on record of these very
    weights: beside the card of a shipped one, in the evaluation of a run."""
    path = folder / (CALIBRATION if facts.shipped else EVALUATION)
    if not path.is_file():
        return
    found = msgspec.json.decode(path.read_bytes(), type=_Measured)
    if found.classifier != digest or found.split not in UNSEEN:
        return
    low, high = interval_of(found.right, found.photos)
    value = found.right / found.photos
    facts.accuracy = {"value": value, "low": low, "high": high, "photos": found.photos}
    facts.calibration_error = found.calibration_error
    facts.bins = [
        {"low": b.low, "high": b.high, "photos": b.photos, "right": b.counted()} for b in found.bins
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
    right: int | None = None
    accuracy: float = 0.0

    def counted(self) -> int:
        """How many of its photos were read rightly; an evaluation keeps their share."""
        return round(self.photos * self.accuracy) if self.right is None else self.right


class _Measured(msgspec.Struct):
    """The part of calibration.json or evaluation.json that is read here."""

    classifier: str
    split: str
    photos: int
    right: int
    calibration_error: float
    bins: list[_Bin]


def _numbers_in(weights: Path) -> int:
    """How many numbers a safetensors file holds, by its header."""
    with weights.open("rb") as file:
        (length,) = HEADER.unpack(file.read(HEADER.size))
        header = json.loads(file.read(length))
    return sum(prod(part["shape"]) for name, part in header.items() if name != "__metadata__")
