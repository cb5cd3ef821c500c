"""Several classifiers on one axis: a figure with a panel each, a table, and its sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pasunchat.measures.robust_accuracy import CurvePoint
from pasunchat.measures.shared_axis import OnAxis, SharedAxis
from pasunchat.norms import NORMS
from pasunchat.pictures.figures import GREY, INK, new_figure
from pasunchat.pictures.fonts import drawable
from pasunchat.reports.certified import (
    UNKNOWN,
    attack_on,
    axis_end,
    draw_curves,
    round_radii,
)
from pasunchat.reports.certified_words import (
    gap_in_words,
    nothing_in_words,
    size_in_words,
)
from pasunchat.story.wording import TERMINAL, Words

SIDE_BY_SIDE = 3  # panels
PANEL = 3.6, 3.2  # inches
STEPS, RADII = 2, 3  # of what is proved of a model; at most so many radii are in the table


def shared_radii(axis: SharedAxis) -> list[float]:
    """0, those that were asked for, and a few round ones: below the end of what is proved of each
    model; where nothing is, over what is shown."""
    asked = [model.asked.radius for model in axis.models if model.asked.radius is not None]
    proved = [model.proved[-1].radius for model in axis.models if len(model.proved) > 1]
    shown = [model.shown.curve[-1].radius for model in axis.models if model.shown]
    none, *found = round_radii(axis.norm, proved or shown, STEPS)
    few = [found[at * (len(found) - 1) // (RADII - 1)] for at in range(RADII)] if found else []
    return sorted({none, *asked, *few})


def shared_headings(axis: SharedAxis, words: Words = TERMINAL) -> tuple[str, ...]:
    """Of the table: the model, no change, and each size."""
    _, *radii = shared_radii(axis)
    sizes = (size_in_words(axis.norm, radius, words) for radius in radii)
    return words.t("col_model"), words.t("prf_no_change"), *sizes


def shared_cells(axis: SharedAxis, words: Words = TERMINAL) -> list[tuple[str, ...]]:
    """A row a model: at each size, how many are proved at least, and withstand at most."""
    _, *radii = shared_radii(axis)
    return [
        (
            model.name,
            words.part(model.accuracy_at(0), axis.photos),
            *(_between(model, radius, axis.photos, words) for radius in radii),
        )
        for model in axis.models
    ]


def _between(model: OnAxis, radius: float, photos: int, words: Words) -> str:
    proved = model.accuracy_at(radius)
    least = words.part(proved, photos)
    if model.shown is None:
        return words.t("axis_least", a=least)
    most = model.shown.accuracy_within(radius)
    return least if most == proved else words.t("axis_between", a=least, b=words.part(most, photos))


def axis_measured(axis: SharedAxis, words: Words = TERMINAL) -> str:
    """What was measured, and how its shares are read."""
    photos = words.n(f"photos_{axis.split}", axis.photos)
    return words.t("axis_p", photos=photos, size=words.t(f"size_{axis.norm}"))


def axis_sentences(axis: SharedAxis, words: Words = TERMINAL) -> list[str]:
    """How each was proved and attacked, and what may mislead."""
    sentences = [_how(model, words) for model in axis.models]
    attacks = {(model.shown.attack, model.shown.effort) for model in axis.models if model.shown}
    if len(attacks) > 1:
        sentences.append(words.t("axis_efforts"))
    if any(model.method == "bounds" and len(model.proved) == 1 for model in axis.models):
        sentences.append(nothing_in_words(words).rstrip("."))
    if axis.without:
        sentences.append(words.t("axis_without", list=words.listed(axis.without)))
    return sentences + [words.t("axis_wrong", name=name, photo=photo) for name, photo in axis.wrong]


def _how(model: OnAxis, words: Words) -> str:
    shown = words.t("axis_no_attack")
    if model.shown:
        shown = words.t("axis_attack", attack=model.shown.attack, effort=model.shown.effort)
    method = words.t(f"axis_{model.method}", p=words.pc(1 - model.asked.alpha))
    told = {"name": model.name, "method": method, "effort": model.asked.effort, "shown": shown}
    return words.t("axis_of", **told)


def widest_gaps(axis: SharedAxis, words: Words = TERMINAL) -> list[str]:
    """The photos of which least is known, with their models, a sentence each."""
    return [f"{each.model}: {gap_in_words(axis.norm, each.gap, words)}" for each in axis.widest]


def attack_commands(axis: SharedAxis, models: Mapping[str, str]) -> list[str]:
    """Attacks on the same photos that are not there yet, in a norm that attacks have. models: how
    each is loaded."""
    return [
        attack_on(models[model.name], axis.norm, axis.split, axis.limit)
        for model in axis.models
        if model.shown is None and axis.norm in NORMS
    ]


def norms_apart(axes: Sequence[SharedAxis], words: Words = TERMINAL) -> list[str]:
    """That norms are not compared, where there are several."""
    return [words.t("axis_norms")] if len(axes) > 1 else []


def shared_axis_figure(axis: SharedAxis, words: Words = TERMINAL) -> Figure:
    """A panel a model, all on the same axis: certified accuracy, robust accuracy above it, and the
    gap between them shaded. Call it within `styled`."""
    columns = min(len(axis.models), SIDE_BY_SIDE)
    rows = -(-len(axis.models) // columns)
    figure = new_figure(max(2, columns) * PANEL[0], rows * PANEL[1] + 0.6)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    panels, unused = [*grid.flat][: len(axis.models)], [*grid.flat][len(axis.models) :]
    end = axis_end(axis.norm, [curve for model in axis.models for curve in _curves(model)])
    for panel, model in zip(panels, axis.models, strict=True):
        _draw_panel(panel, axis.norm, model, end, words)
    for panel in unused:
        panel.set_axis_off()
    figure.supxlabel(words.t(f"size_{axis.norm}"), fontsize=11, color=INK)
    _explain_colours(figure, panels)
    return figure


def _draw_panel(panel: Axes, norm: str, model: OnAxis, end: float, words: Words) -> None:
    shown = model.shown.curve if model.shown else None
    if shown is None:  # at most as many as are right with no change at all
        right = model.accuracy_at(0)
        unknown = words.t("prf_not_known")
        panel.fill_between([0, end], right, color=GREY, alpha=UNKNOWN, linewidth=0, label=unknown)
    draw_curves(panel, norm, model.proved, shown, end, words)
    panel.set_title(drawable(model.name), fontsize=11)


def _explain_colours(figure: Figure, panels: Sequence[Axes]) -> None:
    """A legend above the panels, each of their colours once."""
    lines = {
        label: line
        for panel in panels
        for line, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        lines.values(), lines.keys(), loc="outside upper center", ncols=3, frameon=False,
        labelcolor=INK,
    )  # fmt: skip


def _curves(model: OnAxis) -> list[Sequence[CurvePoint]]:
    return [model.proved, *([model.shown.curve] if model.shown else [])]


def renamed(axis: SharedAxis, names: dict[str, str]) -> SharedAxis:
    """The same with its models under other names."""
    return replace(
        axis,
        models=tuple(_renamed(model, names[model.name]) for model in axis.models),
        without=tuple(names[name] for name in axis.without),
    )


def _renamed(model: OnAxis, name: str) -> OnAxis:
    shown = model.shown
    if shown is not None:
        widest = tuple(replace(each, model=name) for each in shown.widest)
        shown = replace(shown, widest=widest)
    return replace(model, name=name, shown=shown)
