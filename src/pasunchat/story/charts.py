"""Charts as SVG without a script: where every line, mark and letter of a chart goes.

`charts.html.j2` draws what these functions give. All of it is plain numbers of a drawing, rounded
to a tenth, so that the same data give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np

Point = tuple[float, float]

WIDE, NARROW = 640, 340  # widths of a drawing, in units of which letters are 13 high


def brief(text: str, most: int = 24) -> str:
    """A name for a chart, ended by "…" where it is longer than `most` letters."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def ticks(low: float, high: float, about: int = 4) -> tuple[float, ...]:
    """Round numbers from low to high, about as many as asked for: steps of 1, 2 or 5 times a power
    of ten."""
    if not high > low:
        return (low,)
    raw = (high - low) / about
    power = 10.0 ** floor(log10(raw))
    limits = ((1.5, 1), (3.5, 2), (7.5, 5), (11.0, 10))
    step = power * next(size for limit, size in limits if raw <= limit * power)
    places = max(0, -floor(log10(step)))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return tuple(round(number * step, places) + 0.0 for number in range(first, last + 1))


def places_of(values: Sequence[float]) -> int:
    """How many decimals tell these ticks apart."""
    return next((p for p in range(7) if all(abs(round(v, p) - v) < 1e-9 for v in values)), 7)


@dataclass(frozen=True)
class Axes:
    """From values to places in a drawing of `width` x `height` units, y upwards."""

    width: int
    height: int
    xs: tuple[float, float]
    ys: tuple[float, float]
    left: int = 52
    right: int = 12
    top: int = 12
    bottom: int = 48

    def x(self, value: float) -> float:
        low, high = self.xs
        share = (value - low) / (high - low)
        return round(self.left + share * (self.width - self.left - self.right), 1)

    def y(self, value: float) -> float:
        low, high = self.ys
        share = (value - low) / (high - low)
        return round(self.height - self.bottom - share * (self.height - self.top - self.bottom), 1)

    def at(self, point: Point) -> Point:
        return self.x(point[0]), self.y(point[1])

    def line(self, points: Sequence[Point]) -> str:
        """The `points` of an SVG polyline."""
        return " ".join(f"{self.x(x):g},{self.y(y):g}" for x, y in points)


@dataclass(frozen=True)
class Plane:
    """How large the change is, against how sure the goal's class is."""

    axes: Axes
    x_ticks: tuple[float, ...]
    path: str  # from try to try
    tries: tuple[tuple[float, float, bool], ...]  # places, and whether the goal was met
    film: str  # the change let in little by little
    random: str  # from the photo to random noise of the same size
    draws: tuple[Point, ...]
    start: Point
    end: Point


def plane(
    width: int,
    height: int,
    *,
    film: Sequence[Point],
    draws: Sequence[float],
    tries: Sequence[tuple[float, float, bool]] = (),
) -> Plane:
    """film: (size, probability), from the photo to all of the change. draws: the goal's probability
    under random noise of the same size. tries: (size, probability, whether the goal is met), in
    order, as the search made them."""
    size, _ = film[-1]
    largest = max([size, *(at[0] for at in tries)]) or 1.0
    x_ticks = ticks(0, 1.2 * largest)
    axes = Axes(width, height, (0, max(1.12 * largest, x_ticks[-1])), (0, 1), top=28)
    mean = float(np.mean(draws)) if draws else film[0][1]
    return Plane(
        axes=axes,
        x_ticks=x_ticks,
        path=axes.line([at[:2] for at in tries]),
        tries=tuple((axes.x(s), axes.y(p), met) for s, p, met in tries),
        film=axes.line(film),
        random=axes.line([film[0], (size, mean), (axes.xs[1], mean)]) if draws else "",
        draws=tuple(axes.at((size, p)) for p in draws),
        start=axes.at(film[0]),
        end=axes.at(film[-1]),
    )


@dataclass(frozen=True)
class Walk:
    """The pushes of all changed values, added one after the other, beside those of random noise."""

    axes: Axes
    y_ticks: tuple[float, ...]
    found: str
    random: str
    crossing: Point | None  # where the goal's class takes the lead
    crossed: int | None  # after about so many values, to two digits
    found_end: Point
    random_end: Point


def walk(
    width: int,
    height: int,
    *,
    before: float,
    found: Sequence[float],
    random: Sequence[float],
    changed: int,
) -> Walk:
    """before: the lead of the goal's class over the best other, on the photo. found, random: the
    sums of pushes so far, from 0 on, at equal parts of the values. changed: how many there are."""
    lines = [[before + step for step in steps] for steps in (found, random)]
    low, high = min(0.0, *lines[0], *lines[1]), max(0.0, *lines[0], *lines[1])
    room = 0.1 * (high - low) or 1.0
    axes = Axes(width, height, (0, 1), (low - room, high + room), left=44, bottom=32)
    places = [list(zip(np.linspace(0, 1, len(line)).tolist(), line, strict=True)) for line in lines]
    share = _crossing(lines[0])
    return Walk(
        axes=axes,
        y_ticks=ticks(*axes.ys, about=5),
        found=axes.line(places[0]),
        random=axes.line(places[1]),
        crossing=None if share is None else axes.at((share, 0.0)),
        crossed=None if share is None else _two_digits(share * changed),
        found_end=axes.at(places[0][-1]),
        random_end=axes.at(places[1][-1]),
    )


def _crossing(leads: Sequence[float]) -> float | None:
    """The share of the values after which the lead is above 0 to the end; None if it never is."""
    if leads[-1] <= 0 or leads[0] > 0:
        return None
    last = max(place for place, lead in enumerate(leads) if lead <= 0)
    below, above = leads[last], leads[last + 1]
    return (last - below / (above - below)) / (len(leads) - 1)


def _two_digits(number: float) -> int:
    digits = max(0, len(str(round(number))) - 2)
    return int(round(number, -digits))


@dataclass(frozen=True)
class Growth:
    """How large the change is at each layer, as a share of what is there."""

    axes: Axes
    y_ticks: tuple[float, ...]
    found: str
    random: str
    found_dots: tuple[Point, ...]
    random_dots: tuple[Point, ...]


def growth(width: int, height: int, *, found: Sequence[float], random: Sequence[float]) -> Growth:
    """found, random: a share for the pixels, and one for each layer shown; two or more."""
    high = max(*found, *random)
    y_ticks = ticks(0, 1.15 * high or 1.0)
    axes = Axes(
        width, height, (0, len(found) - 1), (0, max(1.1 * high, y_ticks[-1])), right=16, bottom=32
    )
    places = [
        [(float(place), share) for place, share in enumerate(line)] for line in (found, random)
    ]
    return Growth(
        axes=axes,
        y_ticks=y_ticks,
        found=axes.line(places[0]),
        random=axes.line(places[1]),
        found_dots=tuple(axes.at(point) for point in places[0]),
        random_dots=tuple(axes.at(point) for point in places[1]),
    )


@dataclass(frozen=True)
class Bar:
    """A row of bars."""

    name: str
    mark: int | None  # of its class, see marks.py; None where the bar stands for no class
    share: float  # of the whole width
    was: float | None  # where the mark of an earlier value is
    value: str  # what is written behind it


def level_rows(counts: Sequence[int], most: int = 3) -> list[tuple[int, int, int]]:
    """How many values moved by how many levels: (from, to, values), one row for 0 to `most` levels
    each, and one for all above. counts[k]: values that moved by k levels."""
    rows = [(k, k, counts[k]) for k in range(min(len(counts), most + 1))]
    if len(counts) > most + 1:
        rows.append((most + 1, len(counts) - 1, sum(counts[most + 1 :])))
    return rows
