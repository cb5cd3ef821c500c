"""What is proved and what is shown of a classifier, on one axis: as a figure and as a table.

No change up to the certified radius fools it; a change that an attack found does; what lies between
is not known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pasunchat.certificates.certify import CERTIFICATES, Asked, method_for
from pasunchat.classifiers.classifier import Classifier
from pasunchat.measures.attack_folder import read_attacks
from pasunchat.measures.certified import (
    CERTIFICATES_FOLDER,
    RECEIPTS,
    Certified,
    read_certified,
)
from pasunchat.measures.gaps import Beside, attack_beside
from pasunchat.measures.robust_accuracy import CurvePoint, Robustness
from pasunchat.norms import NORMS
from pasunchat.photos.dataset import Dataset
from pasunchat.pictures.figures import BLUE, GREEN, GREY, INK, new_figure, styled, write_figure
from pasunchat.reports.certified_words import size_in_words
from pasunchat.reports.robustness import job_place
from pasunchat.reports.ticks import number_ticks, share_ticks
from pasunchat.story.wording import TERMINAL, Words
from pasunchat.words import command

AXIS = "axis"
UNKNOWN = 0.18  # how opaque the grey of what is not known is
BEYOND = 1.06  # the axis ends at this many times the last radius
ROUND = (1, 2, 2.5, 5, 10)  # what the radii of the table are multiples of
RADII = 4  # of the table, over what is proved, and as many over what is shown


def certificate_folder(
    classifier: Classifier, dataset: Dataset, asked: Asked, split: str, limit: int | None
) -> Path:
    """Where a certificate is written by default: as an attack is, under `certificate`."""
    norm = CERTIFICATES[method_for(classifier, asked.norm)].norm
    settings = [norm, *_settings_in_words(asked, norm, split, limit)]
    return job_place(CERTIFICATES_FOLDER, classifier, dataset, settings)


def _settings_in_words(asked: Asked, norm: str, split: str, limit: int | None) -> list[str]:
    """The settings that are not the usual ones."""
    words = [str(asked.effort)] if asked.effort != "normal" else []
    if asked.radius is not None:
        unit = _unit(norm)
        words.append(f"radius-{asked.radius * unit:g}" + (f"/{unit}" if unit > 1 else ""))
    words += [split] if split != "test" else []
    words += [f"limit-{limit}"] if limit is not None else []
    return words + ([f"seed-{asked.seed}"] if asked.seed else [])


@dataclass(frozen=True)
class ProvedAndShown:
    """A certificate of a run, with what an attack on the same photos showed."""

    folder: Path
    certified: Certified
    beside: Beside | None  # None where there is no such attack


def proved_and_shown(run_folder: Path) -> list[ProvedAndShown]:
    """Every finished certificate in a run's folder with the attack that shows most beside it, by
    name. Raises PasunchatError if a file is damaged."""
    attacks = read_attacks(run_folder)
    return [
        ProvedAndShown(folder, certified, attack_beside(certified, attacks))
        for folder, certified in read_certified(run_folder)
    ]


def attack_command(found: Certified, model: str) -> str | None:
    """The attack on the same photos, which shows the other side of the axis; None for patches, of
    which no attack searches the smallest."""
    if found.norm not in NORMS:
        return None
    return attack_on(model, found.norm, found.info.split, found.info.limit)


def attack_on(model: str, norm: str, split: str, limit: int | None) -> str:
    """An attack in a norm on the photos of a certificate."""
    words = ["--norm", norm]
    words += ["--split", split] if split != "test" else []
    words += ["--limit", str(limit)] if limit is not None else []
    return command("attack", model, "--data", "DATA", *words)


def receipts_place(shown: ProvedAndShown) -> str:
    """Where the proved photos are kept, below the run's folder."""
    return f"{CERTIFICATES_FOLDER}/{shown.folder.name}/{RECEIPTS}"


def verify_command(shown: ProvedAndShown) -> str:
    """What proves them again, from the run's folder."""
    return f"{command('verify', receipts_place(shown))}/*.png"


def axis_cells(
    found: Certified, attack: Robustness | None, words: Words = TERMINAL
) -> list[tuple[str, ...]]:
    """At a few radii: the size, certified accuracy, and under an attack robust accuracy and what
    lies between."""
    rows = []
    for radius in _radii(found, attack):
        proved = found.accuracy_at(radius).accuracy if radius else found.accuracy
        size = size_in_words(found.norm, radius, words) if radius else words.t("prf_no_change")
        cells = [size, words.part(proved, found.photos)]
        if attack is not None:
            right = attack.accuracy_within(radius)
            cells += [words.part(right, attack.photos), words.part(max(0.0, right - proved))]
        rows.append(tuple(cells))
    return rows


def _radii(found: Certified, attack: Robustness | None) -> list[float]:
    """0, round radii up to the last that is proved, and up to the last that an attack showed; or
    the one asked for."""
    if found.info.asked.radius is not None:
        return [0.0, found.info.asked.radius]
    ends = [curve[-1].radius for curve in _curves(found, attack)]
    return round_radii(found.norm, ends, RADII)


def round_radii(norm: str, ends: Sequence[float], many: int) -> list[float]:
    """0, and round radii, about `many` of them up to each end."""
    unit, locator = _unit(norm), MaxNLocator(many, steps=ROUND)
    whole = [end * unit for end in ends]
    ticks = {tick for end in whole for tick in locator.tick_values(0, end) if 0 < tick <= end}
    return [0.0, *(float(tick) / unit for tick in sorted(ticks))]


def _curves(found: Certified, attack: Robustness | None) -> list[Sequence[CurvePoint]]:
    return [found.curve, *([attack.curve] if attack else [])]


def _unit(norm: str) -> int:
    """What radii are multiplied by on an axis: levels of 255, per cent of the area."""
    return 100 if norm == "patch" else NORMS[norm].axis_unit


def draw_axis(folder: Path, found: Certified, attack: Robustness | None) -> list[Path]:
    """Write axis.png and axis.svg into a certificate's folder. Returns the files."""
    with styled():
        return write_figure(axis_figure(found, attack), folder, AXIS)


def draw_beside(folder: Path, found: Certified, classifier: Classifier) -> Beside | None:
    """Draw the axis of a certificate with the attack on the same photos that shows most, and return
    what it showed; without one, what is proved alone."""
    beside = attack_beside(found, read_attacks(classifier.origin or Path()))
    draw_axis(folder, found, beside.attack if beside else None)
    return beside


def axis_figure(found: Certified, attack: Robustness | None, words: Words = TERMINAL) -> Figure:
    """Certified accuracy and, above it, robust accuracy under attack, on one axis; the gap between
    them shaded. Call it within `styled`."""
    curves = found.curve, attack.curve if attack else None
    end = axis_end(found.norm, _curves(found, attack))
    figure = new_figure(7.2, 4.4)
    axes = figure.subplots()
    draw_curves(axes, found.norm, *curves, end, words)
    axes.set_xlabel(words.t(f"size_{found.norm}"))
    axes.set_title(words.n("rob_title", found.photos))
    axes.legend(frameon=True, edgecolor="none", loc="upper right", labelcolor=INK)
    return figure


def axis_end(norm: str, curves: Sequence[Sequence[CurvePoint]]) -> float:
    """Where an axis with these curves ends, in the unit of its norm."""
    return max(curve[-1].radius for curve in curves) * _unit(norm) * BEYOND or 1.0


def draw_curves(
    axes: Axes,
    norm: str,
    proved: Sequence[CurvePoint],
    shown: Sequence[CurvePoint] | None,
    end: float,
    words: Words,
) -> None:
    """Certified accuracy and, above it, robust accuracy, up to `end`; the gap shaded."""
    unit = _unit(norm)
    certified = _proved(proved, unit, end)
    if shown is not None:
        corners = _under_attack(shown, unit, end)
        axes.fill_between(
            *corners, color=GREY, alpha=UNKNOWN, linewidth=0, label=words.t("prf_not_known")
        )
        axes.plot(*corners, color=BLUE, label=words.t("prf_at_most"))
    axes.fill_between(*certified, color="white", linewidth=0)
    axes.fill_between(*certified, color=GREEN, alpha=0.25, linewidth=0)
    axes.plot(*certified, color=GREEN, label=words.t("prf_at_least"))
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1.02)
    axes.xaxis.set_major_formatter(number_ticks(words))
    axes.yaxis.set_major_formatter(share_ticks(words))
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)


Corners = tuple[list[float], list[float]]  # of a curve: across, and up


def _under_attack(curve: Sequence[CurvePoint], unit: float, end: float) -> Corners:
    """A share that is right under attack holds from its radius on."""
    across, up = [0.0], [curve[0].accuracy]
    for point in curve[1:]:
        across += [point.radius * unit] * 2
        up += [up[-1], point.accuracy]
    return [*across, end], [*up, up[-1]]


def _proved(curve: Sequence[CurvePoint], unit: float, end: float) -> Corners:
    """A share that is proved holds up to its radius; beyond the last one nothing is proved."""
    across, up = [0.0], []
    for point in curve[1:]:
        across += [point.radius * unit] * 2
        up += [point.accuracy] * 2
    return [*across, end], [*up, 0.0, 0.0]
