"""The reliability diagram: of the photos it is 80 % sure of, is it right in 80 %?"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pasunchat.measures.score import Evaluation
from pasunchat.pictures.figures import BLUE, GREY, INK, new_figure
from pasunchat.words import count, share, tick

CLOSE = 0.02


def reliability(evaluation: Evaluation) -> Figure:
    """Accuracy against confidence; the larger a point, the more photos, counted below. Call it
    within `styled`."""
    figure = new_figure(5.6, 5.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    _draw_accuracy(above, evaluation)
    _draw_counts(below, evaluation)
    return figure


def _draw_accuracy(axes: Axes, evaluation: Evaluation) -> None:
    lowest = min(bin.low for bin in evaluation.bins)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle="--")
    axes.text(
        lowest + 0.5 * (1 - lowest), 0.03, "under the dashed line: surer than it is right",
        transform=axes.get_xaxis_transform(), color=GREY, ha="center", fontsize=9.5,
    )  # fmt: skip
    confidences = [bin.confidence for bin in evaluation.bins]
    accuracies = [bin.accuracy for bin in evaluation.bins]
    areas = [20 + 280 * bin.photos / evaluation.photos for bin in evaluation.bins]
    axes.plot(confidences, accuracies, color=BLUE, linewidth=1)
    axes.scatter(confidences, accuracies, areas, color=BLUE, clip_on=False, zorder=3)
    axes.set_xlim(lowest, 1)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("share that is right")
    axes.yaxis.set_major_formatter(lambda value, _: tick(value))


def _draw_counts(axes: Axes, evaluation: Evaluation) -> None:
    bins = evaluation.bins
    middles = [(bin.low + bin.high) / 2 for bin in bins]
    axes.bar(middles, [bin.photos for bin in bins], width=0.09, color=BLUE, alpha=0.35)
    for middle, bin in zip(middles, bins, strict=True):
        axes.annotate(
            count(bin.photos), (middle, bin.photos), (0, 2), textcoords="offset points",
            ha="center", color=INK, fontsize=9.5,
        )  # fmt: skip
    axes.margins(y=0.35)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_ylabel("photos")
    axes.set_xlabel("confidence in the answer")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda value, _: "certain" if value > 0.9999 else tick(value))


def seen_in_reliability(evaluation: Evaluation) -> str:
    """Whether its confidence can be believed, in one sentence."""
    sure = sum(bin.confidence * bin.photos for bin in evaluation.bins) / evaluation.photos
    gap = sure - evaluation.accuracy
    figures = (
        f"{share(sure)} sure on average, right in {share(evaluation.accuracy, evaluation.photos)}"
    )
    if abs(gap) < CLOSE:
        return f"On the whole its confidence can be believed: {figures} of the photos."
    verdict = "surer than it is right" if gap > 0 else "right more often than it is sure"
    return f"It is {verdict}: {figures} of the photos."
