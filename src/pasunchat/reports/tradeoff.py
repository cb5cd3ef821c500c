"""What accuracy costs: each classifier's accuracy against the work it does for one photo."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from pasunchat.measures.compare import Compared, Comparison
from pasunchat.pictures.figures import GREY, INK, new_figure
from pasunchat.pictures.fonts import drawable
from pasunchat.reports.ticks import share_ticks
from pasunchat.story.wording import TERMINAL, Words

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # Okabe and Ito
MARKERS = "osD^vP*X"
SIDE_BY_SIDE = 0.03  # part of the width between points of equal work
LINE = 0.075  # part of the height between labels


def tradeoff(comparison: Comparison, words: Words = TERMINAL) -> Figure:
    """Accuracy with its 95 % interval against multiply-adds, each point named at the right. Call
    it within `styled`."""
    models = comparison.models
    figure = new_figure(8.2, max(4.6, 1.2 + 0.36 * len(models)))
    axes = figure.subplots()
    low, high = _limits(models)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    places = _places(models, low, high)
    for index, (model, place) in enumerate(zip(models, places, strict=True)):
        below, above = model.accuracy - model.interval[0], model.interval[1] - model.accuracy
        axes.errorbar(
            place, model.accuracy, [[max(0.0, below)], [max(0.0, above)]],
            color=_colour(index), marker=MARKERS[index % len(MARKERS)], markersize=8,
            linewidth=1.6, capsize=4, linestyle="none", zorder=3,
        )  # fmt: skip
    axes.margins(y=0.08)
    _name_points(axes, models, places, words)
    _describe_axes(axes, comparison, words)
    return figure


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def _limits(models: Sequence[Compared]) -> tuple[float, float]:
    """From half the least work to twice the most."""
    work = [max(1, model.multiply_adds) for model in models]
    return min(work) / 2, max(work) * 2


def _places(models: Sequence[Compared], low: float, high: float) -> list[float]:
    """Where each point stands: at its multiply-adds, those of equal work side by side."""
    groups: dict[int, list[int]] = defaultdict(list)
    for index, model in enumerate(models):
        groups[max(1, model.multiply_adds)].append(index)
    places = [0.0] * len(models)
    for work, group in groups.items():
        for rank, index in enumerate(group):
            aside = SIDE_BY_SIDE * (rank - (len(group) - 1) / 2)
            places[index] = work * (high / low) ** aside
    return places


def _name_points(
    axes: Axes, models: Sequence[Compared], places: Sequence[float], words: Words
) -> None:
    """Names in a column at the right, the most accurate at the top, with lines to their points."""
    bottom, top = axes.get_ylim()
    order = sorted(range(len(models)), key=lambda index: models[index].accuracy)
    heights = [(models[index].accuracy - bottom) / (top - bottom) for index in order]
    step = min(LINE, 1 / len(models))
    for index, height in zip(order, _spread(heights, step), strict=True):
        model = models[index]
        axes.annotate(
            f"{drawable(model.name)}  {words.part(model.accuracy, model.right)}",
            (places[index], model.accuracy),
            (1.04, height), xycoords="data", textcoords="axes fraction", va="center", color=INK,
            arrowprops={
                "arrowstyle": "-", "color": _colour(index), "linewidth": 0.8, "alpha": 0.6,
                "shrinkA": 2, "shrinkB": 6, "relpos": (0, 0.5),
            },
        )  # fmt: skip


def _spread(heights: Sequence[float], step: float) -> list[float]:
    """Rising heights in [0, 1], moved as little as it takes to lie `step` apart."""
    steps = step * np.arange(len(heights))
    upward = np.maximum.accumulate(np.asarray(heights) - steps)
    downward = np.minimum.accumulate((np.asarray(heights) - steps)[::-1])[::-1]
    middle = np.clip((upward + downward) / 2, 0, max(0.0, 1 - step * (len(heights) - 1)))
    return [float(height) for height in middle + steps]


def _describe_axes(axes: Axes, comparison: Comparison, words: Words) -> None:
    work = [model.multiply_adds for model in comparison.models]
    axes.set_xlabel(words.t("cmp_x" if len(set(work)) == len(work) else "cmp_x_equal"))
    axes.set_title(words.n("cmp_title", comparison.photos))
    axes.yaxis.set_major_formatter(share_ticks(words))
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)
