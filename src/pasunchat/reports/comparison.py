"""A comparison of classifiers: its files on disk, and its results in words."""

from collections.abc import Sequence
from pathlib import Path

from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.measures.compare import Compared, Comparison, Pair
from pasunchat.measures.speed import Timing
from pasunchat.pictures.figures import styled, write_figure
from pasunchat.reports.evaluation import classes_left_out
from pasunchat.reports.tradeoff import tradeoff
from pasunchat.storage import read_json, refuse_existing, whole_folder, write_json
from pasunchat.words import count, interval_in_words, listed, share

COMPARISON, RESULT, TIMING = "comparison", "comparison.json", "timing.json"
QUALITY = ("accuracy", "95 % interval", "log loss", "calibration error")
COST = ("parameters", "multiply-adds")
MOST_PAIRS = 6


def comparison_folder(
    first: Classifier, output: Path | None = None, *, overwrite: bool = False
) -> Path:
    """Where a comparison is written: `output`, by default `comparison` in the first classifier's
    run.

    Raises PasunchatError if that exists and `overwrite` is false or it holds no comparison, or if
    the first classifier comes from no run.
    """
    if output is None:
        if first.origin is None:
            raise PasunchatError("the first model has no run; say with --output where to write")
        output = first.origin / COMPARISON
    refuse_existing(output, overwrite=overwrite)
    if output.exists() and not (output / RESULT).is_file():
        raise PasunchatError(f"{output} is no comparison and is not replaced; choose another place")
    return output


def write_comparison(
    folder: Path, comparison: Comparison, timing: Timing, *, overwrite: bool = False
) -> list[Path]:
    """Fill `folder`, whole or not at all: comparison.json, comparison.png and .svg, and
    timing.json, the only file with times. Returns the files.

    Raises PasunchatError if `folder` exists and `overwrite` is false.
    """
    with whole_folder(folder, overwrite=overwrite) as part:
        write_json(part / RESULT, comparison)
        write_json(part / TIMING, timing)
        with styled():
            write_figure(tradeoff(comparison), part, COMPARISON)
    return sorted(folder.iterdir())


def read_comparison(run_folder: Path) -> tuple[Comparison, Timing | None] | None:
    """The comparison in a run's folder, with its times if they are there; None without one. Raises
    PasunchatError if it is damaged."""
    folder = run_folder / COMPARISON
    if not (folder / RESULT).is_file():
        return None
    timed = (folder / TIMING).is_file()
    return (
        read_json(folder / RESULT, Comparison),
        read_json(folder / TIMING, Timing) if timed else None,
    )


def which_photos(comparison: Comparison) -> str:
    """What was compared on: "2,472 test photos", "120 photos"."""
    split = "" if comparison.split == "all" else f"{comparison.split} "
    return count(comparison.photos, f"{split}photo")


def quality(model: Compared) -> tuple[str, ...]:
    """A classifier's cells under QUALITY."""
    return (
        share(model.accuracy, model.right),
        interval_in_words(model.interval),
        f"{model.log_loss:.3f}",
        share(model.calibration_error),
    )


def cost(model: Compared) -> tuple[str, ...]:
    """A classifier's cells under COST."""
    return count(model.parameters), count(model.multiply_adds)


def differences(comparison: Comparison) -> list[str]:
    """Whether each difference is real, one sentence a pair; of more than MOST_PAIRS pairs, only
    those with the most accurate classifier."""
    pairs = comparison.pairs
    if len(pairs) > MOST_PAIRS:
        pairs = tuple(pair for pair in pairs if comparison.best.name in (pair.better, pair.worse))
    return [difference(pair) for pair in pairs]


def difference(pair: Pair) -> str:
    """One pair: "residual is right on 212 photos that simple gets wrong, and wrong on 40 that
    simple gets right; p < 0.001: the difference is real"."""
    if not pair.only_better and not pair.only_worse:
        return f"{pair.better} and {pair.worse} are right on the very same photos"
    verdict = "the difference is real" if pair.real else "may be chance"
    return (
        f"{pair.better} is right on {count(pair.only_better, 'photo')} that {pair.worse} gets "
        f"wrong, and wrong on {count(pair.only_worse)} that {pair.worse} gets right; "
        f"{p_in_words(pair.p_holm)}: {verdict}"
    )


def p_in_words(p: float) -> str:
    """A p value in [0, 1]: "p < 0.001", "p = 0.012", "p = 0.31"."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def how_tested(comparison: Comparison) -> str:
    """Which test gave p, and how p is corrected for several pairs."""
    test = "p by McNemar's exact test"
    pairs = len(comparison.pairs)
    if pairs == 1:
        return test
    others = "" if pairs <= MOST_PAIRS else f", all of them in {RESULT}"
    return f"{test}, corrected by Holm's method for {count(pairs)} pairs{others}"


def warnings(comparison: Comparison) -> list[str]:
    """What may mislead, one sentence each: photos that a model learnt from, photos and classes
    left out."""
    trained_on_others = [model.name for model in comparison.models if model.trained_here is False]
    sentences = []
    if trained_on_others:
        sentences.append(
            f"{listed(trained_on_others)} learnt from another dataset than this one; if training "
            "photos of theirs are among these, their accuracy says too much"
        )
    if comparison.left_out:
        sentences.append(f"{count(comparison.left_out, 'photo')} left out: not in every dataset")
    for model in comparison.models:
        if model.classes_left_out:
            sentences.append(f"{model.name}: {classes_left_out(model.classes_left_out)}")
    return sentences


def speeds(timing: Timing, names: Sequence[str]) -> list[str]:
    """Photos a second, in the order of `names`: "1,480", "96", "3.2"."""
    found = [timing.photos_per_second[name] for name in names]
    return [f"{speed:,.0f}" if speed >= 9.95 else f"{speed:.1f}" for speed in found]


def speeds_in_words(timing: Timing, names: Sequence[str]) -> str:
    """The speeds in one sentence, with the device they were measured on."""
    each = [f"{name} {speed}" for name, speed in zip(names, speeds(timing, names), strict=True)]
    device = f"{timing.device}, {count(timing.threads, 'thread')}"
    return f"Photos a second when it was measured ({device}): {listed(each)}."
