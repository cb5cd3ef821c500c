"""What the report of a run holds: every part, or what is missing and the command that makes it."""

from collections.abc import Iterator
from dataclasses import dataclass

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.files import load_files
from pasunchat.classifiers.summary import describe
from pasunchat.fooled.fool_photos import FOOLED, read_fooled
from pasunchat.measures.attack_folder import read_attacks
from pasunchat.reports import section_run
from pasunchat.reports.comparison import read_comparison
from pasunchat.reports.curves import seen_in_curves
from pasunchat.reports.evaluation import read_evaluation
from pasunchat.reports.parts import Picture, Table, command
from pasunchat.reports.section_comparison import ComparisonSection, comparison_section
from pasunchat.reports.section_evaluation import EvaluationSection, evaluation_section
from pasunchat.reports.section_fooled import (
    MOST_SHOWN,
    FooledPhoto,
    fooled_photo,
    how_many_fooled,
    how_much_changed,
    is_pipe,
)
from pasunchat.reports.section_robustness import RobustnessSection, robustness_section
from pasunchat.training.run import Run
from pasunchat.words import count, listed

MOST_CLASSES_NAMED = 5


@dataclass(frozen=True)
class Missing:
    """A part that is not there yet, and the command that makes it."""

    sentence: str
    command: str


@dataclass(frozen=True)
class Network:
    """The network in a sentence and layer by layer."""

    sentence: str
    layers: Table


@dataclass(frozen=True)
class Training:
    """The curves, and what is seen in them."""

    curves: tuple[Picture, ...]
    seen: str


@dataclass(frozen=True)
class Fooled:
    """The photos shown, the pipes apart. fooled, change: what is said of them all. left_out: a
    sentence where some are not shown. verify: the command that checks one."""

    fooled: str
    change: str
    photos: tuple[FooledPhoto, ...]
    pipes: tuple[FooledPhoto, ...]
    left_out: str
    verify: str


@dataclass(frozen=True)
class Contents:
    """All that the template shows."""

    title: str
    folder: str
    summary: tuple[str, ...]
    counts: Table
    data: tuple[str, ...]
    network: Network | Missing
    training: Training | Missing
    ended: str | None
    evaluation: EvaluationSection | Missing
    comparison: ComparisonSection | None
    fooled: Fooled | Missing
    robustness: RobustnessSection | None
    settings: Table
    origins: Table
    times: str | None


def contents(run: Run) -> Contents:
    """All that the report shows, read from the run's folder."""
    classifier = load_files(run.folder) if run.finished else None
    evaluation, fooled = _evaluation(run, classifier), _fooled(run, classifier)
    return Contents(
        title=_title(run),
        folder=str(run.folder),
        summary=tuple(_summary(run, evaluation, fooled)),
        counts=section_run.data_counts(run),
        data=tuple(section_run.data_sentences(run)),
        network=_network(run, classifier),
        training=_training(run),
        ended=run.info.ended,
        evaluation=evaluation,
        comparison=_comparison(run, classifier),
        fooled=fooled,
        robustness=_robustness(run, classifier),
        settings=section_run.run_settings(run),
        origins=section_run.run_origins(run, classifier),
        times=section_run.run_times(run),
    )


def _title(run: Run) -> str:
    classes = list(run.info.data.counts)
    if len(classes) == 2:
        return f"Telling {classes[0]} from {classes[1]}"
    if len(classes) <= MOST_CLASSES_NAMED:
        return f"Telling {listed(classes)} apart"
    return f"Telling {count(len(classes))} classes apart"


def _summary(
    run: Run, evaluation: EvaluationSection | Missing, fooled: Fooled | Missing
) -> Iterator[str]:
    learnt = sum(sides["train"] for sides in run.info.data.counts.values())
    yield f"The network “{run.recipe.network}” learnt from {count(learnt, 'picture')}."
    if isinstance(evaluation, EvaluationSection):
        yield f"On pictures it had never seen it is right in {evaluation.accuracy}."
    if isinstance(fooled, Fooled):
        yield fooled.fooled


def _unfinished(run: Run, what: str) -> Missing:
    return Missing(f"{what}: the training has not ended.", command("train", "--resume", run.folder))


def _network(run: Run, classifier: Classifier | None) -> Network | Missing:
    if classifier is None:
        return _unfinished(run, "There is no network to describe yet")
    summary = describe(classifier)
    return Network(section_run.network_sentence(summary), section_run.network_layers(summary))


def _training(run: Run) -> Training | Missing:
    if not run.history:
        return _unfinished(run, "No epoch is done yet")
    return Training(section_run.curves_pictures(run), seen_in_curves(run))


def _evaluation(run: Run, classifier: Classifier | None) -> EvaluationSection | Missing:
    evaluation = read_evaluation(run.folder)
    again = command("evaluate", run.folder)
    if evaluation is None:
        return Missing("It has not been measured yet.", again)
    if classifier is None or evaluation.classifier != classifier.digest():
        return Missing("It was measured with other weights than it has now.", again)
    return evaluation_section(evaluation, run.folder)


def _comparison(run: Run, classifier: Classifier | None) -> ComparisonSection | None:
    found = read_comparison(run.folder)
    if found is None or classifier is None:
        return None
    return comparison_section(*found, classifier.digest())


def _fooled(run: Run, classifier: Classifier | None) -> Fooled | Missing:
    digest = classifier.digest() if classifier else None
    found = read_fooled(run.folder)
    ours = [at for at in found if at.kept.classifier == digest]
    if not ours:
        return Missing(
            "No photo has been made to fool it yet.",
            command("fool", "PHOTO", "--model", run.folder),
        )
    pipes = [at for at in ours if is_pipe(at)]
    photos = [at for at in ours if not is_pipe(at)]
    return Fooled(
        fooled=how_many_fooled(ours),
        change=how_much_changed(ours),
        photos=tuple(fooled_photo(at) for at in photos[:MOST_SHOWN]),
        pipes=tuple(fooled_photo(at) for at in pipes),
        left_out=_left_out(run, len(photos) - MOST_SHOWN, len(found) - len(ours)),
        verify=command("verify", ours[0].folder / ours[0].kept.picture, "--model", run.folder),
    )


def _robustness(run: Run, classifier: Classifier | None) -> RobustnessSection | None:
    if classifier is None:
        return None
    return robustness_section(read_attacks(run.folder), classifier.digest())


def _left_out(run: Run, not_shown: int, of_other_weights: int) -> str:
    sentences = []
    if not_shown > 0:
        sentences.append(f"{count(not_shown, 'more photo')} in {run.folder / FOOLED}.")
    if of_other_weights:
        sentences.append(
            f"Left out: {count(of_other_weights, 'photo')} made for other weights than these."
        )
    return " ".join(sentences)
