"""Training curves: loss and accuracy, on training and validation photos, epoch by epoch."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pasunchat.pictures.figures import BLUE, GREEN, GREY, ORANGE, new_figure, styled, write_figure
from pasunchat.training.defences import defending
from pasunchat.training.run import Epoch, Run
from pasunchat.words import share, share_of, tick

CURVES = "curves"
TITLES = {"loss": "loss (lower is better)", "accuracy": "accuracy (higher is better)"}
LINES = (("training", ORANGE, "o", "--"), ("validation", BLUE, "s", "-"))


def draw_curves(run: Run, folder: Path) -> list[Path]:
    """Write curves.png and curves.svg of a run's history into `folder`, or nothing if no epoch is
    done. Returns the files."""
    if not run.history:
        return []
    with styled():
        return write_figure(curves(run, tuple(TITLES)), folder, CURVES)


def curves(run: Run, shown: tuple[str, ...]) -> Figure:
    """Some of TITLES side by side, the epoch whose weights are kept marked. Call it within
    `styled`."""
    figure = new_figure(4.8 * len(shown), 4.2)
    for axes, what in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        _draw(axes, run, what)
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


def _draw(axes: Axes, run: Run, what: str) -> None:
    epochs = [row.epoch for row in run.history]
    for split, colour, marker, line in LINES:
        values = [getattr(row, f"{split}_{what}") for row in run.history]
        axes.plot(epochs, values, line, color=colour, marker=marker, label=split)
    if what == "accuracy" and _is_defended(run):
        robust = [row.robust_accuracy or 0.0 for row in run.history]
        axes.plot(epochs, robust, "-.", color=GREEN, marker="^", label=_robust_label(run))
    best = run.info.best_epoch
    if best:
        axes.axvline(
            best, color=GREY, linewidth=1.2, linestyle=":", zorder=0, label=f"epoch {best}, kept"
        )
    if what == "accuracy":
        axes.yaxis.set_major_formatter(lambda value, _: tick(value))
    axes.set_title(TITLES[what])
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.margins(y=0.12)


def seen_in_curves(run: Run) -> str:
    """What the curves show, judged by fixed rules, in one or two sentences."""
    if not run.history:
        return "No epoch has been measured yet."
    measured = sum(split["validation"] for split in run.info.data.counts.values())
    best = min(run.history, key=lambda row: row.validation_loss)
    last = run.history[-1]
    if _is_defended(run):
        return _seen_of_defence(run, measured)
    if len(run.history) == 1:
        return (
            f"One epoch was measured: "
            f"{share_of(best.validation_accuracy, measured, 'validation photo')} read rightly."
        )
    if best is last:
        return (
            f"Validation loss was still falling in the last epoch, {last.epoch}: "
            "more epochs may give a better network."
        )
    return f"{_after(best, last)} The weights of epoch {best.epoch} are kept."


def _is_defended(run: Run) -> bool:
    return all(row.robust_accuracy is not None for row in run.history)


def _robust_label(run: Run) -> str:
    """The third line: "validation, attacked within 1 of 255 levels"."""
    assert run.recipe.defend is not None
    defence = defending(run.recipe.defend)
    how = "under" if defence.is_noise else "attacked within"
    return f"validation, {how} {defence.size_in_words}"


def _seen_of_defence(run: Run, measured: int) -> str:
    """Which epoch's weights are kept, and what they withstand."""
    kept = next((row for row in run.history if row.epoch == run.info.best_epoch), run.history[-1])
    assert kept.robust_accuracy is not None
    assert run.recipe.defend is not None
    defence = defending(run.recipe.defend)
    how = (
        f"under {defence.size_in_words}"
        if defence.is_noise
        else f"when attacked within {defence.size_in_words}, in ten steps"
    )
    return (
        f"Kept are the weights of epoch {kept.epoch}: "
        f"{share_of(kept.validation_accuracy, measured, 'validation photo')} read rightly, of some "
        f"of them {share(kept.robust_accuracy)} {how}. How robust it is, pasunchat attack says."
    )


def _after(best: Epoch, last: Epoch) -> str:
    lowest = f"Validation loss was lowest in epoch {best.epoch}"
    if last.training_loss >= best.training_loss:
        return f"{lowest}; after it neither training nor validation improves."
    if not last.rises_from(best):
        return f"{lowest}; after it training goes on improving and validation does not."
    rise = f"from {best.validation_loss:.3g} to {last.validation_loss:.3g}"
    return (
        f"{lowest}; after it training goes on improving and validation rises, {rise}: overfitting."
    )
