"""A fooled photo's facts as charts, pictures and a few words for the templates."""

from collections.abc import Callable, Sequence
from math import floor, log10

import numpy as np
from numpy.typing import NDArray

from pasunchat.explain.pushes import Pushes
from pasunchat.pictures.row import drawn_noise
from pasunchat.reports.embedded import Picture, picture
from pasunchat.reports.fooled import FooledFacts
from pasunchat.reports.why import Layers, Why
from pasunchat.story.charts import (
    Bar,
    Growth,
    Plane,
    Walk,
    growth,
    level_rows,
    places_of,
    plane,
    walk,
)
from pasunchat.story.marks import mark
from pasunchat.story.wording import Words

LEAST_BAR = 0.004  # of the width: what is there is seen


def mark_of(facts: FooledFacts, index: int) -> int:
    """The mark of a class."""
    return mark(index, len(facts.classes), facts.was, facts.goal)


def noise_image(facts: FooledFacts) -> NDArray[np.uint8]:
    """The change as it is drawn."""
    return drawn_noise(facts.photo, facts.picture, facts.gain)


def noise_picture(facts: FooledFacts) -> Picture:
    """The same, for a page."""
    return picture(noise_image(facts))


def still_as_was(facts: FooledFacts) -> int:
    """Under how many draws of random noise the answer stays."""
    return sum(answer == facts.was for answer, _ in facts.draws)


def turning_share(facts: FooledFacts) -> float | None:
    """From which share of the change on the answer is the goal to the end; None: it never is."""
    answers = facts.film_answers
    if answers[-1] != facts.goal:
        return None
    last = max((place for place, answer in enumerate(answers) if answer != facts.goal), default=-1)
    return (last + 1) / (len(answers) - 1)


def mean_push(found: Pushes, words: Words) -> str:
    """How much one value pushes in the mean, to one digit that counts: "0.0001"."""
    mean = float(np.abs(found.values).mean())
    return words.num(mean, max(0, -floor(log10(mean)))) if mean else "0"


def level_bars(facts: FooledFacts, words: Words) -> list[Bar]:
    """How many values moved by how many levels."""
    rows = level_rows(facts.change.counts)
    most = max(count for *_, count in rows)
    return [
        Bar(_levels(first, last, words), None, max(LEAST_BAR, count / most), None, words.cnt(count))
        for first, last, count in rows
    ]


def _levels(first: int, last: int, words: Words) -> str:
    if first != last:
        return words.t("eq_lvmore", k=first, max=last)
    return words.t("eq_lv", k=first) if first > 1 else words.t(f"eq_lv{first}")


def walk_chart(why: Why, width: int, height: int) -> Walk:
    """The pushes, added one after the other."""
    return walk(
        width,
        height,
        before=why.found.before,
        found=why.found.walk,
        random=why.random.walk,
        changed=why.found.changed,
    )


def growth_chart(layers: Layers, width: int, height: int) -> Growth:
    """The change from the pixels to the last layer shown."""
    return growth(
        width,
        height,
        found=[layers.found_share, *(layer.found_share for layer in layers.shown)],
        random=[layers.random_share, *(layer.random_share for layer in layers.shown)],
    )


def layer_names(layers: Layers, words: Words, width: int) -> list[str]:
    """Under the growth: whole names where there is room."""
    numbers = range(1, len(layers.shown) + 1)
    roomy = width / len(numbers) > 90
    return [
        words.t("grow_pixels"),
        *(words.t("grow_i", i=i) if roomy else str(i) for i in numbers),
    ]


def plane_chart(facts: FooledFacts, width: int, height: int) -> Plane:
    """The fall, beside random noise."""
    return plane(
        width,
        height,
        film=facts.film,
        draws=[chance for _, chance in facts.draws],
        tries=facts.told.tries,
    )


def texts(
    values: Sequence[float], say: Callable[[float, int], str], times: int = 1
) -> list[tuple[float, str]]:
    """Ticks with their texts. times: what is said is so many times the value."""
    places = places_of([value * times for value in values])
    return [(value, say(value, places)) for value in values]


def transform_said(word: str, words: Words) -> str:
    """A transform in a sentence's words: "JPEG, quality 75"; one without such words as it is."""
    name, _, setting = word.partition(":")
    key = f"sur_{name}"
    if key not in words.table:
        return word
    whole = name in ("resize", "crop", "brightness")
    return words.t(key, v=f"{100 * float(setting):.0f}" if whole else setting)
