"""A comparison of classifiers: its files on disk, and its results in words."""

from collections.abc import Sequence
from pathlib import Path

from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.measures.compare import Compared, Comparison, Pair
from pasunchat.measures.shared_axis import SharedAxis
from pasunchat.measures.speed import Timing
from pasunchat.pictures.figures import styled, write_figure
from pasunchat.reports.evaluation import classes_left_out
from pasunchat.reports.shared_axis import shared_axis_figure
from pasunchat.reports.tradeoff import tradeoff
from pasunchat.storage import read_json, refuse_existing, whole_folder, write_json
from pasunchat.story.wording import TERMINAL, Words

COMPARISON, RESULT, TIMING = "comparison", "comparison.json", "timing.json"
PROVED = "proved"  # .json: the axes; -NORM.png and .svg: the figure of each
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
    folder: Path,
    comparison: Comparison,
    timing: Timing,
    axes: Sequence[SharedAxis] = (),
    *,
    overwrite: bool = False,
) -> list[Path]:
    """Fill `folder`, whole or not at all: comparison.json, comparison.png and .svg, and
    timing.json, the only file with times; where something is proved, proved.json and a figure for
    each axis. Returns the files.

    Raises PasunchatError if `folder` exists and `overwrite` is false.
    """
    with whole_folder(folder, overwrite=overwrite) as part:
        write_json(part / RESULT, comparison)
        write_json(part / TIMING, timing)
        with styled():
            write_figure(tradeoff(comparison), part, COMPARISON)
            for axis in axes:
                write_figure(shared_axis_figure(axis), part, f"{PROVED}-{axis.norm}")
        if axes:
            write_json(part / f"{PROVED}.json", list(axes))
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


def read_axes(run_folder: Path) -> list[SharedAxis]:
    """What is proved of the classifiers of the comparison in a run's folder, an axis a norm; none
    where nothing is. Raises PasunchatError if it is damaged."""
    path = run_folder / COMPARISON / f"{PROVED}.json"
    return read_json(path, list[SharedAxis]) if path.is_file() else []


def which_photos(comparison: Comparison, words: Words = TERMINAL) -> str:
    """What was compared on: "2,472 test photos", "120 photos"."""
    return words.n(f"photos_{comparison.split}", comparison.photos)


def quality(model: Compared, words: Words = TERMINAL) -> tuple[str, ...]:
    """A classifier's cells under QUALITY."""
    return (
        words.part(model.accuracy, model.right),
        words.interval(model.interval),
        words.num(model.log_loss, 3),
        words.part(model.calibration_error),
    )


def cost(model: Compared, words: Words = TERMINAL) -> tuple[str, ...]:
    """A classifier's cells under COST."""
    return words.cnt(model.parameters), words.cnt(model.multiply_adds)


def differences(comparison: Comparison, words: Words = TERMINAL) -> list[str]:
    """Whether each difference is real, one sentence a pair; of more than MOST_PAIRS pairs, only
    those with the most accurate classifier."""
    pairs = comparison.pairs
    if len(pairs) > MOST_PAIRS:
        pairs = tuple(pair for pair in pairs if comparison.best.name in (pair.better, pair.worse))
    return [difference(pair, words) for pair in pairs]


def difference(pair: Pair, words: Words = TERMINAL) -> str:
    """One pair: "residual is right on 212 photos that simple gets wrong, and wrong on 40 that
    simple gets right; p < 0.001: the difference is real"."""
    if not pair.only_better and not pair.only_worse:
        return words.t("cmp_same", a=pair.better, b=pair.worse)
    return words.n(
        "cmp_pair",
        pair.only_better,
        a=pair.better,
        b=pair.worse,
        k=words.cnt(pair.only_worse),
        p=words.told(p_in_words(pair.p_holm)),
        verdict=words.t("cmp_real" if pair.real else "cmp_chance"),
    )


def p_in_words(p: float) -> str:
    """A p value in [0, 1]: "p < 0.001", "p = 0.012", "p = 0.31"."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def how_tested(comparison: Comparison, words: Words = TERMINAL) -> str:
    """Which test gave p, and how p is corrected for several pairs."""
    pairs = len(comparison.pairs)
    several = "cmp_holm" if pairs <= MOST_PAIRS else "cmp_holm_some"
    return words.t("cmp_test" if pairs == 1 else several, n=words.cnt(pairs))


def warnings(comparison: Comparison, words: Words = TERMINAL) -> list[str]:
    """What may mislead, one sentence each: photos that a model learnt from, photos and classes
    left out."""
    trained_on_others = [model.name for model in comparison.models if model.trained_here is False]
    sentences = []
    if trained_on_others:
        sentences.append(words.t("cmp_elsewhere", list=words.listed(trained_on_others)))
    if comparison.left_out:
        sentences.append(words.n("cmp_left_out", comparison.left_out))
    for model in comparison.models:
        if model.classes_left_out:
            sentences.append(f"{model.name}: {classes_left_out(model.classes_left_out, words)}")
    return sentences


def speeds(timing: Timing, names: Sequence[str]) -> list[str]:
    """Photos a second, in the order of `names`: "1,480", "96", "3.2"."""
    found = [timing.photos_per_second[name] for name in names]
    return [f"{speed:,.0f}" if speed >= 9.95 else f"{speed:.1f}" for speed in found]


def speeds_in_words(timing: Timing, names: Sequence[str], words: Words = TERMINAL) -> str:
    """The speeds in one sentence, with the device they were measured on."""
    each = [
        f"{name} {words.told(speed)}"
        for name, speed in zip(names, speeds(timing, names), strict=True)
    ]
    return words.t(
        "cmp_speeds",
        device=timing.device,
        threads=words.n("n_threads", timing.threads),
        list=words.listed(each),
    )
