"""pasunchat: train an image classifier from a folder of photos, then find the least change to a
photo that fools it. The public names are imported when first used, so that this costs nothing."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pasunchat.attacks import ATTACKS as ATTACKS
    from pasunchat.attacks.fool import Request as Request
    from pasunchat.attacks.fool import fool as fool
    from pasunchat.attacks.problem import Goal as Goal
    from pasunchat.attacks.problem import Problem as Problem
    from pasunchat.attacks.protocol import Method as Method
    from pasunchat.attacks.result import AttackResult as AttackResult
    from pasunchat.attacks.result import RequestInfo as RequestInfo
    from pasunchat.attacks.result import Status as Status
    from pasunchat.attacks.watch import Watch as Watch
    from pasunchat.certificates.certificate import Certificate as Certificate
    from pasunchat.certificates.certificate import Proof as Proof
    from pasunchat.certificates.certify import Asked as Asked
    from pasunchat.certificates.certify import certify as certify
    from pasunchat.certificates.receipt import CertificateReceipt as CertificateReceipt
    from pasunchat.certificates.receipt import CertificateVerification as CertificateVerification
    from pasunchat.certificates.receipt import verify_certificate as verify_certificate
    from pasunchat.classifiers.classifier import Classifier as Classifier
    from pasunchat.classifiers.classifier import Prediction as Prediction
    from pasunchat.classifiers.external.preprocessing import Preprocessing as Preprocessing
    from pasunchat.classifiers.files import save as save
    from pasunchat.classifiers.load import load as load
    from pasunchat.classifiers.load import masked as masked
    from pasunchat.classifiers.load import smoothed as smoothed
    from pasunchat.classifiers.networks import NETWORKS as NETWORKS
    from pasunchat.classifiers.on_images import Step as Step
    from pasunchat.errors import PasunchatError as PasunchatError
    from pasunchat.errors import PasunchatWarning as PasunchatWarning
    from pasunchat.fooled.control import Control as Control
    from pasunchat.fooled.fool_photos import FooledPhoto as FooledPhoto
    from pasunchat.fooled.fool_photos import FoolOptions as FoolOptions
    from pasunchat.fooled.fool_photos import fool_photos as fool_photos
    from pasunchat.fooled.outcome import Outcome as Outcome
    from pasunchat.fooled.outcome import Transfer as Transfer
    from pasunchat.fooled.receipt import Receipt as Receipt
    from pasunchat.fooled.receipt import Verification as Verification
    from pasunchat.fooled.receipt import verify as verify
    from pasunchat.fooled.survival import Survival as Survival
    from pasunchat.fooled.transforms import Transform as Transform
    from pasunchat.measures.attack_block import SplitProgress as SplitProgress
    from pasunchat.measures.attack_model import ModelRobustness as ModelRobustness
    from pasunchat.measures.attack_model import attack_model as attack_model
    from pasunchat.measures.attacked import AttackedPhoto as AttackedPhoto
    from pasunchat.measures.certified import Certified as Certified
    from pasunchat.measures.certified import CertifiedPhoto as CertifiedPhoto
    from pasunchat.measures.certified import CertifyRunInfo as CertifyRunInfo
    from pasunchat.measures.certified import certify_split as certify_split
    from pasunchat.measures.compare import Compared as Compared
    from pasunchat.measures.compare import Comparison as Comparison
    from pasunchat.measures.compare import Pair as Pair
    from pasunchat.measures.compare import compare as compare
    from pasunchat.measures.predict import FilePrediction as FilePrediction
    from pasunchat.measures.predict import predict as predict
    from pasunchat.measures.robust_accuracy import AttackRunInfo as AttackRunInfo
    from pasunchat.measures.robust_accuracy import ClassRobustness as ClassRobustness
    from pasunchat.measures.robust_accuracy import CurvePoint as CurvePoint
    from pasunchat.measures.robust_accuracy import RobustAccuracy as RobustAccuracy
    from pasunchat.measures.robust_accuracy import Robustness as Robustness
    from pasunchat.measures.robustness import attack_split as attack_split
    from pasunchat.measures.score import Bin as Bin
    from pasunchat.measures.score import ClassScore as ClassScore
    from pasunchat.measures.score import Evaluation as Evaluation
    from pasunchat.measures.score import PredictedPhoto as PredictedPhoto
    from pasunchat.measures.score import evaluate as evaluate
    from pasunchat.norms import L0 as L0
    from pasunchat.norms import L1 as L1
    from pasunchat.norms import L2 as L2
    from pasunchat.norms import LINF as LINF
    from pasunchat.norms import PIXELS as PIXELS
    from pasunchat.norms import Norm as Norm
    from pasunchat.photos.dataset import Counts as Counts
    from pasunchat.photos.dataset import Dataset as Dataset
    from pasunchat.photos.dataset import DatasetFacts as DatasetFacts
    from pasunchat.photos.dataset import open_dataset as open_dataset
    from pasunchat.photos.prepare import prepare as prepare
    from pasunchat.reports.report import write_report as write_report
    from pasunchat.runtime import Runtime as Runtime
    from pasunchat.training.loop import EpochProgress as EpochProgress
    from pasunchat.training.loop import train as train
    from pasunchat.training.recipe import Augment as Augment
    from pasunchat.training.recipe import Recipe as Recipe
    from pasunchat.training.run import DataOrigin as DataOrigin
    from pasunchat.training.run import Epoch as Epoch
    from pasunchat.training.run import Run as Run
    from pasunchat.training.run import RunInfo as RunInfo
    from pasunchat.training.run import open_run as open_run

__version__: str  # read from the package's metadata when it is asked for

HOMES = {
    "Asked": "certificates.certify",
    "Certificate": "certificates.certificate",
    "CertificateReceipt": "certificates.receipt",
    "CertificateVerification": "certificates.receipt",
    "Certified": "measures.certified",
    "CertifiedPhoto": "measures.certified",
    "CertifyRunInfo": "measures.certified",
    "Proof": "certificates.certificate",
    "certify": "certificates.certify",
    "certify_split": "measures.certified",
    "verify_certificate": "certificates.receipt",
    "ATTACKS": "attacks",
    "AttackResult": "attacks.result",
    "AttackRunInfo": "measures.robust_accuracy",
    "AttackedPhoto": "measures.attacked",
    "Augment": "training.recipe",
    "Bin": "measures.score",
    "ClassRobustness": "measures.robust_accuracy",
    "ClassScore": "measures.score",
    "Classifier": "classifiers.classifier",
    "Compared": "measures.compare",
    "Comparison": "measures.compare",
    "Control": "fooled.control",
    "Counts": "photos.dataset",
    "CurvePoint": "measures.robust_accuracy",
    "DataOrigin": "training.run",
    "Dataset": "photos.dataset",
    "DatasetFacts": "photos.dataset",
    "Epoch": "training.run",
    "EpochProgress": "training.loop",
    "Evaluation": "measures.score",
    "FilePrediction": "measures.predict",
    "FoolOptions": "fooled.fool_photos",
    "FooledPhoto": "fooled.fool_photos",
    "Goal": "attacks.problem",
    "L0": "norms",
    "L1": "norms",
    "L2": "norms",
    "LINF": "norms",
    "Method": "attacks.protocol",
    "ModelRobustness": "measures.attack_model",
    "NETWORKS": "classifiers.networks",
    "Norm": "norms",
    "Outcome": "fooled.outcome",
    "PIXELS": "norms",
    "Pair": "measures.compare",
    "PasunchatError": "errors",
    "PasunchatWarning": "errors",
    "PredictedPhoto": "measures.score",
    "Prediction": "classifiers.classifier",
    "Preprocessing": "classifiers.external.preprocessing",
    "Problem": "attacks.problem",
    "Receipt": "fooled.receipt",
    "Recipe": "training.recipe",
    "Request": "attacks.fool",
    "RequestInfo": "attacks.result",
    "RobustAccuracy": "measures.robust_accuracy",
    "Robustness": "measures.robust_accuracy",
    "Run": "training.run",
    "RunInfo": "training.run",
    "Runtime": "runtime",
    "SplitProgress": "measures.attack_block",
    "Status": "attacks.result",
    "Watch": "attacks.watch",
    "Step": "classifiers.on_images",
    "Survival": "fooled.survival",
    "Transfer": "fooled.outcome",
    "Transform": "fooled.transforms",
    "Verification": "fooled.receipt",
    "attack_model": "measures.attack_model",
    "attack_split": "measures.robustness",
    "compare": "measures.compare",
    "evaluate": "measures.score",
    "fool": "attacks.fool",
    "fool_photos": "fooled.fool_photos",
    "load": "classifiers.load",
    "masked": "classifiers.load",
    "open_dataset": "photos.dataset",
    "open_run": "training.run",
    "predict": "measures.predict",
    "prepare": "photos.prepare",
    "save": "classifiers.files",
    "smoothed": "classifiers.load",
    "train": "training.loop",
    "verify": "fooled.receipt",
    "write_report": "reports.report",
}
__all__ = sorted(HOMES)


def __getattr__(name: str) -> object:
    if name == "__version__":
        return version("pasunchat")
    if name not in HOMES:
        raise AttributeError(f"module 'pasunchat' has no attribute '{name}'")
    return getattr(import_module(f"pasunchat.{HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
