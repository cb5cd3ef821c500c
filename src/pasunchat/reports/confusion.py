"""The confusion matrix: which class is taken for which."""

import numpy as np
from matplotlib.figure import Figure

from pasunchat.measures.score import Evaluation
from pasunchat.pictures.figures import GREY, INK, new_figure
from pasunchat.pictures.fonts import drawable
from pasunchat.story.wording import TERMINAL, Words

MOST_CLASSES_WITH_NUMBERS = 12
MOST_MISTAKES = 3


def confusion_matrix(evaluation: Evaluation, words: Words = TERMINAL) -> Figure:
    """Rows are real classes, columns predicted ones; a cell holds its photos and their share of
    the row, which is also its shade. Call it within `styled`."""
    counts = np.array(evaluation.confusion)
    photos = counts.sum(1)
    shares = counts / np.maximum(photos, 1)[:, None]
    names = [drawable(words.cls(name)) for name in evaluation.class_names]
    columns = [drawable(words.cls(name)) for name in evaluation.predicted_names]
    classes = len(columns)
    side = min(8.0, 1.6 + 1.3 * classes)
    figure = new_figure(side + 0.4, side + 0.3)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(classes), columns, rotation=0 if classes <= 4 else 90)
    axes.set_yticks(range(len(names)), names)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel(words.t("conf_predicted"), labelpad=10, fontsize=12, fontweight="bold")
    axes.set_ylabel(words.t("conf_real"), labelpad=10, fontsize=12, fontweight="bold")
    figure.supxlabel(words.t("conf_rows"), color=GREY, fontsize=9.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if classes <= MOST_CLASSES_WITH_NUMBERS:
        for (row, column), part in np.ndenumerate(shares):
            axes.text(
                column, row, _cell(int(counts[row, column]), int(photos[row]), words),
                ha="center", va="center", color="white" if part > 0.55 else INK,
                fontsize=13 if classes <= 4 else 8, linespacing=1.5,
            )  # fmt: skip
    return figure


def _cell(number: int, photos: int, words: Words) -> str:
    return f"{words.cnt(number)}\n{words.part(number / photos, photos) if photos else ''}"


def seen_in_confusion(evaluation: Evaluation, words: Words = TERMINAL) -> str:
    """The MOST_MISTAKES most frequent mistakes, in one sentence."""
    names, columns = evaluation.class_names, evaluation.predicted_names
    mistakes = [
        (number, real, predicted)
        for real, row in enumerate(evaluation.confusion)
        for predicted, number in enumerate(row)
        if real != predicted and number
    ]
    if not mistakes:
        return words.t("conf_all", n=words.cnt(evaluation.photos))
    mistakes.sort(key=lambda mistake: -mistake[0])
    sentences = [
        words.t(
            "conf_some",
            k=words.cnt(number),
            n=words.cnt(evaluation.classes[real].photos),
            a=words.cls(names[real]),
            b=words.cls(columns[predicted]),
        )
        for number, real, predicted in mistakes[:MOST_MISTAKES]
    ]
    return f"{'; '.join(sentences)}."
