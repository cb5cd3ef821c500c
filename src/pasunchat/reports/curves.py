"""Training curves: loss and accuracy, on training and validation photos, epoch by epoch."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pasunchat.pictures.figures import BLUE, GREEN, GREY, ORANGE, new_figure, styled, write_figure
from pasunchat.reports.ticks import number_ticks, share_ticks
from pasunchat.story.wording import TERMINAL, Words
from pasunchat.training.defences import defending
from pasunchat.training.run import Epoch, Run

CURVES = "curves"
SHOWN = ("loss", "accuracy")
LINES = (("training", ORANGE, "o", "--"), ("validation", BLUE, "s", "-"))


def draw_curves(run: Run, folder: Path) -> list[Path]:
    """Write curves.png and curves.svg of a run's history into `folder`, or nothing if no epoch is
    done. Returns the files."""
    if not run.history:
        return []
    with styled():
        return write_figure(curves(run, SHOWN), folder, CURVES)


def curves(run: Run, shown: tuple[str, ...], words: Words = TERMINAL) -> Figure:
    """Some of SHOWN side by side, the epoch whose weights are kept marked. Call it within
    `styled`."""
    figure = new_figure(4.8 * len(shown), 4.2)
    for axes, what in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        _draw(axes, run, what, words)
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels), frameon=False,
        columnspacing=1.2, handletextpad=0.5,
    )  # fmt: skip
    return figure


def _draw(axes: Axes, run: Run, what: str, words: Words) -> None:
    epochs = [row.epoch for row in run.history]
    for split, colour, marker, line in LINES:
        values = [getattr(row, f"{split}_{what}") for row in run.history]
        label = words.t(f"curve_{split}")
        axes.plot(epochs, values, line, color=colour, marker=marker, label=label)
    if what == "accuracy" and _is_defended(run):
        robust = [row.robust_accuracy or 0.0 for row in run.history]
        axes.plot(epochs, robust, "-.", color=GREEN, marker="^", label=_robust_label(run, words))
    best = run.info.best_epoch
    if best:
        kept = words.t("curve_kept", n=best)
        axes.axvline(best, color=GREY, linewidth=1.2, linestyle=":", zorder=0, label=kept)
    ticks = share_ticks if what == "accuracy" else number_ticks
    axes.yaxis.set_major_formatter(ticks(words))
    axes.set_title(words.t(f"curve_{what}"))
    axes.set_xlabel(words.t("curve_epoch"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.margins(y=0.12)


def seen_in_curves(run: Run, words: Words = TERMINAL) -> str:
    """What the curves show, judged by fixed rules, in one or two sentences."""
    if not run.history:
        return words.t("curves_none")
    measured = sum(split["validation"] for split in run.info.data.counts.values())
    best = min(run.history, key=lambda row: row.validation_loss)
    last = run.history[-1]
    if _is_defended(run):
        return _seen_of_defence(run, measured, words)
    if len(run.history) == 1:
        share = words.share_of(best.validation_accuracy, measured, "n_validation_photos")
        return words.t("curves_one", share=share)
    if best is last:
        return words.t("curves_falling", n=last.epoch)
    low, high = (words.told(f"{row.validation_loss:.3g}") for row in (best, last))
    return words.t(_after(best, last), n=best.epoch, low=low, high=high)


def _is_defended(run: Run) -> bool:
    return all(row.robust_accuracy is not None for row in run.history)


def _robust_label(run: Run, words: Words) -> str:
    """The third line: "validation, attacked within 1 of 255 levels"."""
    assert run.recipe.defend is not None
    defence = defending(run.recipe.defend)
    key = "curve_noisy" if defence.is_noise else "curve_attacked"
    return words.t(key, size=words.told(defence.size_in_words))


def _seen_of_defence(run: Run, measured: int, words: Words) -> str:
    """Which epoch's weights are kept, and what they withstand."""
    kept = next((row for row in run.history if row.epoch == run.info.best_epoch), run.history[-1])
    assert kept.robust_accuracy is not None
    assert run.recipe.defend is not None
    defence = defending(run.recipe.defend)
    return words.t(
        "curves_noisy" if defence.is_noise else "curves_attacked",
        n=kept.epoch,
        share=words.share_of(kept.validation_accuracy, measured, "n_validation_photos"),
        robust=words.part(kept.robust_accuracy),
        size=words.told(defence.size_in_words),
    )


def _after(best: Epoch, last: Epoch) -> str:
    """Which sentence says what came after the best epoch."""
    if last.training_loss >= best.training_loss:
        return "curves_flat"
    return "curves_over" if last.rises_from(best) else "curves_apart"
