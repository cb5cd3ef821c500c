"""What is proved and what is shown of a classifier, on one axis: in sentences and as a figure.

No change up to the certified radius fools it; a change that an attack found does; what lies between
is not known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pasunchat.classifiers.classifier import Classifier
from pasunchat.fooled.outcome import plain
from pasunchat.measures.attack_folder import read_attacks, read_photos
from pasunchat.measures.certified import (
    CERTIFICATES_FOLDER,
    Certified,
    Gap,
    contradictions,
    gaps,
)
from pasunchat.measures.robust_accuracy import CurvePoint, Robustness
from pasunchat.norms import NORMS
from pasunchat.photos.dataset import Dataset
from pasunchat.pictures.figures import (
    BLUE,
    GREEN,
    GREY,
    INK,
    new_figure,
    styled,
    write_figure,
)
from pasunchat.words import count, percent, share, share_of, tick

AXIS = "axis"
FARTHEST = 1e9  # a distance beyond all others, for photos that were not fooled
WIDEST = 5  # photos with the widest gaps that are named
BEYOND = 1.06  # the axis ends at this many times the last radius


def certificate_folder(classifier: Classifier, dataset: Dataset, settings: Sequence[str]) -> Path:
    """Where a certificate is written by default: as an attack is, under `certificate`."""
    other_data = () if dataset.digest == classifier.info.trained_on else (dataset.digest[:8],)
    if classifier.origin is None:
        name = plain("-".join((classifier.known_as, *settings, *other_data)))
        return Path(CERTIFICATES_FOLDER) / name
    return classifier.origin / CERTIFICATES_FOLDER / plain("-".join((*settings, *other_data)))


@dataclass(frozen=True)
class Beside:
    """What an attack showed on the photos of a certificate."""

    attack: Robustness
    gaps: tuple[Gap, ...]  # of the photos that are right in both, the widest first


def attack_beside(classifier: Classifier, found: Certified) -> Beside | None:
    """The finished attack, under the classifier's run or here, that shows most on the photos of a
    certificate in its norm; None where there is none."""
    place = Path() if classifier.origin is None else classifier.origin
    same = [
        (folder, attack)
        for folder, attack in read_attacks(place)
        if attack.info.classifier == found.info.classifier
        and attack.info.dataset == found.info.dataset
        and attack.info.request.norm == found.norm
        and (attack.info.split, attack.info.limit) == (found.info.split, found.info.limit)
    ]
    if not same:
        return None
    read = [(attack, gaps(found, read_photos(folder, attack))) for folder, attack in same]
    attack, between = min(read, key=lambda each: sum(min(gap.shown, FARTHEST) for gap in each[1]))
    return Beside(attack, tuple(between))


def size_in_words(norm: str, radius: float) -> str:
    """A radius in words: "0.25 of 255 levels", "L2 0.3", "2 % of the area"."""
    return f"{tick(radius)} of the area" if norm == "patch" else NORMS[norm].in_words(radius)


def findings(found: Certified) -> list[str]:
    """What is proved, one sentence each."""
    split = "" if found.info.split == "all" else f"{found.info.split} "
    asked = found.info.asked.radius
    sentences = [
        f"Without any change {share_of(found.accuracy, found.photos, f'{split}photo')} "
        f"{'is' if found.photos == 1 else 'are'} read rightly."
    ]
    if found.abstained:
        sentences.append(f"On {count(found.abstained, 'photo')} too few votes agree to answer.")
    if asked is not None:
        sentences.append(
            f"Of {count(found.proved)} of these {count(found.right)} it is proved that no change "
            f"of {size_in_words(found.norm, asked)} or less fools it."
        )
    else:
        sentences.append(
            f"Of {count(found.proved)} of these {count(found.right)} some radius is proved"
            + (
                f"; of half of them {size_in_words(found.norm, found.median)} or more."
                if found.median
                else "."
            )
        )
    return [*sentences, _of_which(found)]


def _of_which(found: Certified) -> str:
    """What the certificate is of, and how sure it is."""
    if found.info.method == "bounds":
        return "It is proved of the classifier as it is, by arithmetic: nothing is left to chance."
    if found.info.method == "votes":
        sure = percent(1 - found.info.asked.alpha)
        return (
            f"It is proved of {found.model}, which is another classifier than the one inside; each "
            f"certificate holds with a probability of {sure} or more."
        )
    return f"It is proved of {found.model}, which is another classifier than the one inside."


def gap_in_words(norm: str, gap: Gap) -> str:
    """One photo on the axis, in a sentence."""
    proved = (
        f"no change up to {size_in_words(norm, gap.proved)} fools it (proved)"
        if gap.proved
        else "nothing is proved"
    )
    shown = (
        "no attack found a change that does"
        if gap.shown == inf
        else f"one of {size_in_words(norm, gap.shown)} does (shown)"
    )
    return f"{gap.name}, {gap.real}: {proved}; {shown}"


def gap_findings(beside: Beside) -> list[str]:
    """What the certificate and an attack say together: how much is not known, and what would be a
    fault."""
    fooled = [gap for gap in beside.gaps if gap.shown < inf]
    ratios = sorted((gap.proved / gap.shown for gap in fooled), reverse=True)
    sentences = []
    if ratios:
        half = ratios[(len(ratios) - 1) // 2]
        sentences.append(
            f"The attack “{beside.attack.attack}” fools {count(len(fooled))} of the same photos. "
            f"Half of these are proved up to {share(half)} or more of the change that fools them; "
            "what lies between is not known."
        )
    wrong = contradictions(beside.gaps)
    if wrong:
        sentences.append(
            f"On {count(len(wrong), 'photo')} a change within the proved radius fools the "
            f"classifier: {', '.join(gap.name for gap in wrong[:WIDEST])}. One of the two is "
            "wrong; both receipts are kept. Please report it."
        )
    return sentences


def widest_in_words(found: Certified, beside: Beside) -> list[str]:
    """The photos with the widest gaps, a sentence each."""
    return [gap_in_words(found.norm, gap) for gap in beside.gaps[:WIDEST]]


def draw_axis(folder: Path, found: Certified, attack: Robustness | None) -> list[Path]:
    """Write axis.png and axis.svg into a certificate's folder. Returns the files."""
    with styled():
        return write_figure(axis_figure(found, attack), folder, AXIS)


def axis_figure(found: Certified, attack: Robustness | None) -> Figure:
    """Certified accuracy and, above it, robust accuracy under attack, on one axis; the gap between
    them shaded. Call it within `styled`."""
    norm = NORMS.get(found.norm)
    unit = norm.axis_unit if norm else 100
    last = [found.curve[-1].radius, *([attack.curve[-1].radius] if attack else [])]
    end = max(last) * unit * BEYOND or 1.0
    figure = new_figure(7.2, 4.4)
    axes = figure.subplots()
    certified = _proved(found.curve, unit, end)
    if attack is not None:
        shown = _under_attack(attack.curve, unit, end)
        axes.fill_between(*shown, color=GREY, alpha=0.18, linewidth=0, label="not known")
        axes.plot(*shown, color=BLUE, label="right under the attack (at most)")
    axes.fill_between(*certified, color="white", linewidth=0)
    axes.fill_between(*certified, color=GREEN, alpha=0.25, linewidth=0)
    axes.plot(*certified, color=GREEN, label="proved (at least)")
    _label(axes, found, end, norm.axis if norm else "square patch, in % of the area")
    return figure


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


def _label(axes: Axes, found: Certified, end: float, axis: str) -> None:
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(axis)
    axes.set_title(f"still read rightly, of {count(found.photos, 'photo')} (higher is better)")
    axes.yaxis.set_major_formatter(lambda value, _: tick(value))
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, loc="upper right", labelcolor=INK)
