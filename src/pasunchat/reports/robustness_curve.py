"""How little is enough: the share of photos still read rightly, against the size of the change."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pasunchat.measures.robust_accuracy import Robustness
from pasunchat.pictures.figures import BLUE, GREY, INK, new_figure
from pasunchat.reports.robustness_words import size_in_words
from pasunchat.words import count

AXES = {
    "l2": "L2 of the change (pixels from 0 to 1)",
    "linf": "largest change of any value, in levels of 255",
    "l1": "L1 of the change (pixels from 0 to 1)",
    "l0": "values changed",
    "pixels": "pixels changed",
}
BEYOND = 1.06


def robustness_curve(found: Robustness) -> Figure:
    """The share still read rightly against the size of the change. To be called within
    `styled`."""
    facts = found.facts
    unit = 255 if facts.norm == "linf" else 1
    radii = [at.radius * unit for at in found.curve]
    shares = [at.accuracy for at in found.curve]
    whole = facts.norm in ("linf", "l0", "pixels")
    end = facts.radius * unit if facts.radius else _end(radii[-1], whole)
    figure = new_figure(7.2, 4.4)
    axes = figure.subplots()
    axes.step([*radii, end], [*shares, shares[-1]], where="post", color=BLUE)
    axes.fill_between(
        [*radii, end], [*shares, shares[-1]], step="post", color=BLUE, alpha=0.12, linewidth=0
    )
    if found.median:
        _mark_half(axes, found.median * unit, end, size_in_words(facts, found.median))
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(AXES[facts.norm])
    axes.set_title(f"still read rightly, of {count(found.photos, 'photo')} (higher is better)")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.xaxis.set_major_locator(MaxNLocator(integer=whole, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)
    return figure


def _end(last: float, whole: bool) -> float:
    """Where the axis ends: a little after the last photo, so that its step is seen."""
    return max(last * BEYOND, last + 0.5) if whole else last * BEYOND or 1.0


def _mark_half(axes: Axes, place: float, end: float, size: str) -> None:
    """Where half of the photos are misread: named where the curve is not."""
    right = place < 0.7 * end
    axes.axvline(place, color=GREY, linewidth=1.2, linestyle=":", zorder=0)
    axes.annotate(
        f"half: {size}", (place, 0.9 if right else 0.1), (6 if right else -6, 0),
        textcoords="offset points", va="center", ha="left" if right else "right", color=INK,
    )  # fmt: skip
