"""The reliability diagram: of the photos it is 80 % sure of, is it right in 80 %?"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pasunchat.measures.score import Evaluation
from pasunchat.pictures.figures import BLUE, GREY, INK, new_figure
from pasunchat.reports.ticks import share_ticks
from pasunchat.story.wording import TERMINAL, Words

CLOSE = 0.02


def reliability(evaluation: Evaluation, words: Words = TERMINAL) -> Figure:
    """Accuracy against confidence; the larger a point, the more photos, counted below. Call it
    within `styled`."""
    figure = new_figure(5.6, 5.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    _draw_accuracy(above, evaluation, words)
    _draw_counts(below, evaluation, words)
    return figure


def _draw_accuracy(axes: Axes, evaluation: Evaluation, words: Words) -> None:
    lowest = min(bin.low for bin in evaluation.bins)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle="--")
    axes.text(
        lowest + 0.5 * (1 - lowest), 0.03, words.t("rel_under"),
        transform=axes.get_xaxis_transform(), color=GREY, ha="center", fontsize=9.5,
    )  # fmt: skip
    confidences = [bin.confidence for bin in evaluation.bins]
    accuracies = [bin.accuracy for bin in evaluation.bins]
    areas = [20 + 280 * bin.photos / evaluation.photos for bin in evaluation.bins]
    axes.plot(confidences, accuracies, color=BLUE, linewidth=1)
    axes.scatter(confidences, accuracies, areas, color=BLUE, clip_on=False, zorder=3)
    axes.set_xlim(lowest, 1)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel(words.t("rel_share"))
    axes.yaxis.set_major_formatter(share_ticks(words))


def _draw_counts(axes: Axes, evaluation: Evaluation, words: Words) -> None:
    bins = evaluation.bins
    middles = [(bin.low + bin.high) / 2 for bin in bins]
    axes.bar(middles, [bin.photos for bin in bins], width=0.09, color=BLUE, alpha=0.35)
    for middle, bin in zip(middles, bins, strict=True):
        axes.annotate(
            words.cnt(bin.photos), (middle, bin.photos), (0, 2), textcoords="offset points",
            ha="center", color=INK, fontsize=9.5,
        )  # fmt: skip
    axes.margins(y=0.35)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_ylabel(words.t("col_photos"))
    axes.set_xlabel(words.t("rel_confidence"))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(
        lambda value, _: words.t("rel_certain") if value > 0.9999 else words.tick(value)
    )


def seen_in_reliability(evaluation: Evaluation, words: Words = TERMINAL) -> str:
    """Whether its confidence can be believed, in one sentence."""
    sure = sum(bin.confidence * bin.photos for bin in evaluation.bins) / evaluation.photos
    gap = sure - evaluation.accuracy
    figures = words.t(
        "rel_figures",
        sure=words.part(sure),
        right=words.part(evaluation.accuracy, evaluation.photos),
    )
    verdict = "rel_believed" if abs(gap) < CLOSE else "rel_surer" if gap > 0 else "rel_righter"
    return words.t(verdict, figures=figures)
