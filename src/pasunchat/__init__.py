"""pasunchat: train an image classifier from a folder of photos, then find the least change to a
photo that fools it. The public names are imported when first used, so that this costs nothing."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pasunchat.attacks import ATTACKS as ATTACKS
    from pasunchat.attacks.fool import Request as Request
    from pasunchat.attacks.fool import fool as fool
    from pasunchat.attacks.norms import L0 as L0
    from pasunchat.attacks.norms import L1 as L1
    from pasunchat.attacks.norms import L2 as L2
    from pasunchat.attacks.norms import LINF as LINF
    from pasunchat.attacks.norms import PIXELS as PIXELS
    from pasunchat.attacks.problem import Goal as Goal
    from pasunchat.attacks.problem import Problem as Problem
    from pasunchat.attacks.result import AttackResult as AttackResult
    from pasunchat.classifiers.classifier import Classifier as Classifier
    from pasunchat.classifiers.files import save as save
    from pasunchat.classifiers.load import load as load
    from pasunchat.classifiers.networks import NETWORKS as NETWORKS
    from pasunchat.errors import PasunchatError as PasunchatError
    from pasunchat.fooled.fool_photos import fool_photos as fool_photos
    from pasunchat.fooled.receipt import verify as verify
    from pasunchat.measures.compare import compare as compare
    from pasunchat.measures.predict import predict as predict
    from pasunchat.measures.robustness import attack_split as attack_split
    from pasunchat.measures.score import evaluate as evaluate
    from pasunchat.photos.dataset import Dataset as Dataset
    from pasunchat.photos.dataset import open_dataset as open_dataset
    from pasunchat.photos.prepare import prepare as prepare
    from pasunchat.reports.report import write_report as write_report
    from pasunchat.training.loop import train as train
    from pasunchat.training.recipe import Recipe as Recipe
    from pasunchat.training.run import Run as Run
    from pasunchat.training.run import open_run as open_run

HOMES = {
    "ATTACKS": "attacks",
    "AttackResult": "attacks.result",
    "Classifier": "classifiers.classifier",
    "Dataset": "photos.dataset",
    "Goal": "attacks.problem",
    "L0": "attacks.norms",
    "L1": "attacks.norms",
    "L2": "attacks.norms",
    "LINF": "attacks.norms",
    "NETWORKS": "classifiers.networks",
    "PIXELS": "attacks.norms",
    "PasunchatError": "errors",
    "Problem": "attacks.problem",
    "Recipe": "training.recipe",
    "Request": "attacks.fool",
    "Run": "training.run",
    "attack_split": "measures.robustness",
    "compare": "measures.compare",
    "evaluate": "measures.score",
    "fool": "attacks.fool",
    "fool_photos": "fooled.fool_photos",
    "load": "classifiers.load",
    "open_dataset": "photos.dataset",
    "open_run": "training.run",
    "predict": "measures.predict",
    "prepare": "photos.prepare",
    "save": "classifiers.files",
    "train": "training.loop",
    "verify": "fooled.receipt",
    "write_report": "reports.report",
}
__all__ = sorted(HOMES)


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(f"module 'pasunchat' has no attribute '{name}'")
    return getattr(import_module(f"pasunchat.{HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
