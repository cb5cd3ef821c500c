"""What the report of a run shows: everything that its folder holds, as values for the template."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.files import load_files
from pasunchat.classifiers.summary import Layer, Summary, describe
from pasunchat.explain.layers import shown_layers
from pasunchat.fooled.fool_photos import FooledPhoto, read_fooled
from pasunchat.measures.attack_folder import read_attacks
from pasunchat.measures.compare import Comparison
from pasunchat.measures.robust_accuracy import Robustness
from pasunchat.measures.score import Evaluation
from pasunchat.measures.shared_axis import SharedAxis
from pasunchat.measures.speed import Timing
from pasunchat.photos import dataset
from pasunchat.photos.dataset import DatasetFacts
from pasunchat.reports.certified import ProvedAndShown, proved_and_shown
from pasunchat.reports.comparison import read_axes, read_comparison
from pasunchat.reports.evaluation import read_evaluation
from pasunchat.reports.fooled import FooledFacts, facts_of, file_name
from pasunchat.reports.run_words import Base, base_of
from pasunchat.reports.shared_axis import renamed
from pasunchat.storage import read_json
from pasunchat.training.run import TIMING, Run

MOST_LAYERS = 16  # that are shown without folding any away
SHOWN_LAYERS = 5  # of those of a deeper network


@dataclass(frozen=True)
class Contents:
    """The template's variables. "Its weights" are those of the run's classifier; attacks on other
    weights, such as those before a second training, are only counted, as are certificates."""

    run: Run
    digest: str | None  # SHA-256 of its weights; None while the training has not ended
    network: Summary | None  # None while the training has not ended
    telling: tuple[Layer, ...]  # of its layers: all where they are few, else those to be shown
    base: Base | None  # what others trained of it; None where there is no such part
    dataset: DatasetFacts | None  # None where it has been moved or replaced
    epoch_seconds: tuple[float, ...]  # of each epoch that was timed
    evaluation: Evaluation | None  # of other weights if its `classifier` is not `digest`
    comparison: Comparison | None  # None also if its weights took no part
    timing: Timing | None  # of the comparison
    axes: tuple[SharedAxis, ...]  # what is proved of those compared
    fooled: tuple[FooledPhoto, ...]  # photos that were to fool its weights, in the order of names
    explained: FooledPhoto | None  # the one that is shown in full; None: nothing was changed
    facts: FooledFacts | None  # of that one
    fooled_otherwise: int  # photos that were to fool other weights
    attacks: tuple[tuple[Path, Robustness], ...]  # on whole splits: each folder and its result
    attacks_otherwise: int  # attacks on whole splits with other weights
    certificates: tuple[ProvedAndShown, ...]  # of whole splits
    certificates_otherwise: int  # certificates of other weights


def read_contents(run: Run) -> Contents:
    """Read all that the report shows. Raises PasunchatError if a file of it is damaged."""
    classifier = load_files(run.folder) if run.finished else None
    digest = classifier.digest() if classifier else None
    comparison, timing = read_comparison(run.folder) or (None, None)
    if comparison and digest not in [model.classifier for model in comparison.models]:
        comparison = timing = None
    axes = tuple(read_axes(run.folder)) if comparison else ()
    if comparison:
        comparison, timing, axes = _without_folders(comparison, timing, axes)
    fooled, attacks = read_fooled(run.folder), read_attacks(run.folder)
    ours = tuple(at for at in fooled if at.outcome.classifier == digest)
    proved = proved_and_shown(run.folder)
    of_ours = tuple(at for at in proved if at.certified.info.classifier == digest)
    on_ours = tuple(at for at in attacks if at[1].info.classifier == digest)
    network = describe(classifier) if classifier else None
    explained = _first_to_explain(ours)
    return Contents(
        run=run,
        digest=digest,
        network=network,
        telling=_telling(classifier, network) if classifier and network else (),
        base=base_of(classifier, run.recipe, network) if classifier and network else None,
        dataset=_dataset_info(run),
        epoch_seconds=_epoch_seconds(run),
        evaluation=read_evaluation(run.folder),
        comparison=comparison,
        timing=timing,
        axes=axes,
        fooled=ours,
        explained=explained,
        facts=facts_of(classifier, explained) if classifier and explained else None,
        fooled_otherwise=len(fooled) - len(ours),
        attacks=on_ours,
        attacks_otherwise=len(attacks) - len(on_ours),
        certificates=of_ours,
        certificates_otherwise=len(proved) - len(of_ours),
    )


def _first_to_explain(fooled: Sequence[FooledPhoto]) -> FooledPhoto | None:
    """The first that was fooled, and is not the talk's pipe if there is another; else the first in
    which anything was changed."""
    changed = [at for at in fooled if at.outcome.largest_change]
    reached = [at for at in changed if at.outcome.fooled]
    return next(iter([at for at in reached if not is_pipe(at)] or reached or changed), None)


def is_pipe(at: FooledPhoto) -> bool:
    """Whether the photo is named pipe, like the one in the talk that is neither cat nor dog."""
    return file_name(at.outcome.photo).partition(".")[0] == "pipe"


def _telling(classifier: Classifier, network: Summary) -> tuple[Layer, ...]:
    """All layers where they are few; else those where the maps change their size, and the last."""
    if len(network.layers) <= MOST_LAYERS:
        return network.layers
    names = (*shown_layers(classifier, SHOWN_LAYERS), network.layers[-1].name)
    return tuple(layer for layer in network.layers if layer.name in names)


def _without_folders(
    comparison: Comparison, timing: Timing | None, axes: tuple[SharedAxis, ...]
) -> tuple[Comparison, Timing | None, tuple[SharedAxis, ...]]:
    """The same with models named by the last part of their paths, if that tells them apart."""
    names = {model.name: file_name(model.name) for model in comparison.models}
    if len(set(names.values())) < len(names):
        return comparison, timing, axes
    models = tuple(replace(model, name=names[model.name]) for model in comparison.models)
    pairs = tuple(
        replace(pair, better=names[pair.better], worse=names[pair.worse])
        for pair in comparison.pairs
    )
    speeds = timing.photos_per_second if timing else {}
    return (
        replace(comparison, models=models, pairs=pairs),
        timing and replace(timing, photos_per_second={names[n]: s for n, s in speeds.items()}),
        tuple(renamed(axis, names) for axis in axes),
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
