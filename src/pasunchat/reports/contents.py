"""What the report of a run shows: everything that its folder holds, as values for the template."""

import json
from dataclasses import dataclass
from pathlib import Path

from pasunchat.classifiers.files import load_files
from pasunchat.classifiers.summary import Summary, describe
from pasunchat.fooled.fool_photos import FooledPhoto, read_fooled
from pasunchat.measures.attack_folder import read_attacks
from pasunchat.measures.compare import Comparison
from pasunchat.measures.robust_accuracy import Robustness
from pasunchat.measures.score import Evaluation
from pasunchat.measures.speed import Timing
from pasunchat.photos import dataset
from pasunchat.photos.dataset import DatasetFacts
from pasunchat.reports.comparison import read_comparison
from pasunchat.reports.evaluation import read_evaluation
from pasunchat.storage import read_json
from pasunchat.training.run import TIMING, Run


@dataclass(frozen=True)
class Contents:
    """The template's variables. "Its weights" are those of the run's classifier; attacks on other
    weights, such as those before a second training, are only counted."""

    run: Run
    digest: str | None  # SHA-256 of its weights; None while the training has not ended
    network: Summary | None  # None while the training has not ended
    dataset: DatasetFacts | None  # None where it has been moved or replaced
    epoch_seconds: tuple[float, ...]  # of each epoch that was timed
    evaluation: Evaluation | None  # of other weights if its `classifier` is not `digest`
    comparison: Comparison | None  # None also if its weights took no part
    timing: Timing | None  # of the comparison
    fooled: tuple[FooledPhoto, ...]  # photos that were to fool its weights, in the order of names
    fooled_otherwise: int  # photos that were to fool other weights
    attacks: tuple[tuple[Path, Robustness], ...]  # on whole splits: each folder and its result
    attacks_otherwise: int  # attacks on whole splits with other weights


def read_contents(run: Run) -> Contents:
    """Read all that the report shows. Raises PasunchatError if a file of it is damaged."""
    classifier = load_files(run.folder) if run.finished else None
    digest = classifier.digest() if classifier else None
    comparison, timing = read_comparison(run.folder) or (None, None)
    if comparison and digest not in [model.classifier for model in comparison.models]:
        comparison = timing = None
    fooled, attacks = read_fooled(run.folder), read_attacks(run.folder)
    ours = tuple(at for at in fooled if at.outcome.classifier == digest)
    on_ours = tuple(at for at in attacks if at[1].info.classifier == digest)
    return Contents(
        run=run,
        digest=digest,
        network=describe(classifier) if classifier else None,
        dataset=_dataset_info(run),
        epoch_seconds=_epoch_seconds(run),
        evaluation=read_evaluation(run.folder),
        comparison=comparison,
        timing=timing,
        fooled=ours,
        fooled_otherwise=len(fooled) - len(ours),
        attacks=on_ours,
        attacks_otherwise=len(attacks) - len(on_ours),
    )


def _dataset_info(run: Run) -> DatasetFacts | None:
    """The run's dataset, if it is still at its place and has not changed."""
    path = Path(run.info.data.path) / dataset.FACTS
    if not path.is_file():
        return None
    info = read_json(path, DatasetFacts)
    return info if info.digest == run.info.data.digest else None


def _epoch_seconds(run: Run) -> tuple[float, ...]:
    path = run.folder / TIMING
    if not path.is_file():
        return ()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return tuple(line["seconds"] for line in lines if "epoch" in line)
