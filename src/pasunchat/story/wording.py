"""Words: a table of sentences in one language, and how numbers are said in it."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from pasunchat import words as english

TABLES = Path(__file__).parent / "words"
TOKENS = Path(__file__).parent / "tokens.css"
LANGUAGES = ("en", "fr")
SPACE, NARROW = "\u00a0", "\u202f"  # that no line is broken at

CANCELS = 0.1  # of what the noise found adds up to: random noise of less has cancelled out


def cancels(random: float, found: float) -> bool:
    """Whether the pushes of random noise, added up, are next to nothing beside those found."""
    return abs(random) < CANCELS * abs(found or 1.0)


@cache
def _sentences(name: str, lang: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = json.loads((TABLES / f"{name}.{lang}.json").read_text("utf-8"))
    return table


@cache
def _table(name: str, lang: str) -> Mapping[str, Any]:
    return {key: _unbroken(value, lang) for key, value in _sentences(name, lang).items()}


def _unbroken(value: Any, lang: str) -> Any:
    """No line begins with a per cent sign, nor in French with a colon."""
    if isinstance(value, list):
        return [_unbroken(part, lang) for part in value]
    if lang == "fr":
        value = re.sub(r" ([:;?!»…])", SPACE + r"\1", value).replace("« ", f"«{SPACE}")
    return value.replace(" %", f"{SPACE}%")


class Words:
    """The table `name` in `lang`, "en" or "fr". Sentences are whole; what varies stands in braces.

    Class names of a user have no gender: they stand after a colon or in quotes only.
    """

    def __init__(self, lang: str, name: str = "page", *, unbroken: bool = True) -> None:
        """unbroken: with spaces that no line is broken at; a terminal needs none."""
        self.lang, self.unbroken = lang, unbroken
        self.table = _table(name, lang) if unbroken else _sentences(name, lang)

    def __getitem__(self, key: str) -> Any:
        return self.table[key]

    def t(self, key: str, **values: object) -> str:
        """The sentence as plain text, without the marks of `rich`."""
        text: str = self.table[key]
        return self._one_level(re.sub(r"([_*])(.+?)\1", r"\2", text).format(**values))

    def rich(self, key: str, **values: object) -> Markup:
        """The sentence as HTML: `_kernel_` is a term, `*e*` italic; values are escaped unless they
        are Markup."""
        text = re.sub(r"_(.+?)_", r"<dfn>\1</dfn>", str(escape(self.table[key])))
        return Markup(re.sub(r"\*(.+?)\*", r"<i>\1</i>", text)).format(**values)

    def num(self, value: float, places: int = 0) -> str:
        """ "3.14", "3,14", "−0.5"; never "−0"."""
        text = re.sub(r"^-(0[.]?0*)$", r"\1", f"{value:.{places}f}")
        return self._pointed(text).replace("-", "−")

    def sign(self, value: float, places: int = 0) -> str:
        """With its sign: "+3.1", "−3.1", "0.0"."""
        text = self.num(value, places)
        return text if re.fullmatch(r"−.*|0[.,]?0*", text) else f"+{text}"

    def cnt(self, value: int) -> str:
        """A count: "2,472", in French with a narrow space."""
        return f"{value:,}".replace(",", "," if self.lang == "en" else NARROW)

    def n(self, key: str, number: int, **values: object) -> str:
        """The sentence "one|several" as {n} wants it; in French 0 is one of few, as 1 is."""
        one, several = self.table[key].split("|")
        few = number < 2 if self.lang == "fr" else number == 1
        return self._one_level((one if few else several).format(n=self.cnt(number), **values))

    def listed(self, parts: Sequence[str]) -> str:
        """ "cat", "cat and dog", "cat, dog and fox"."""
        *first, last = parts
        return f"{', '.join(first)}{self.table['and']}{last}" if first else last

    def pc(self, probability: float) -> str:
        """A probability in [0, 1] as `pasunchat.words.percent` says it: never 100 %."""
        return self.told(english.percent(probability))

    def pcs(self, probability: float) -> str:
        """The same where there is little room: "> 99.9 %"."""
        return re.sub(
            r"^\D+(?=\d)", lambda m: f"{_SIGNS[m[0].strip()]}{SPACE}", self.pc(probability)
        )

    def share(self, part: float, places: int = 1) -> str:
        """A share in [0, 1] of things counted: "87.1 %"."""
        return f"{self.num(100 * part, places)}{SPACE}%"

    def part(self, part: float, total: int | None = None) -> str:
        """A share of things counted as `pasunchat.words.share` says it: never 100 %."""
        return self.told(english.share(part, total))

    def share_of(self, part: float, total: int, key: str) -> str:
        """A share with what it is a share of: "79.7 % of 2,500 photos", "all 11 photos"."""
        whole = "share_of_all" if part == 1 else "share_of_some"
        return self.t(whole, share=self.part(part), things=self.n(key, total))

    def tick(self, part: float) -> str:
        """A share at a figure's axis, as `pasunchat.words.tick` says it."""
        return self.told(english.tick(part))

    def interval(self, interval: tuple[float, float]) -> str:
        """An interval of shares as `pasunchat.words.interval_in_words` says it."""
        text = english.interval_in_words(interval)
        return self.told(text.replace(", ", " ; ") if self.lang == "fr" else text)

    def lasted(self, seconds: float) -> str:
        """A time as `pasunchat.words.duration` says it."""
        return self.told(english.duration(seconds))

    def one(self, name: str) -> str:
        """A class's name where one thing of it is meant: "a dog"; in French it stands alone."""
        return english.one_of(name) if self.lang == "en" else self.cls(name)

    def cls(self, name: str) -> str:
        """A class's name; those of the shipped classifiers in this language."""
        return str(_table("page", self.lang).get(f"class_{name}", name))

    def told(self, text: str) -> str:
        """What `pasunchat.words` says of a number, in this language."""
        if self.lang == "fr":
            text = self._pointed(re.sub(r"(?<=\d),(?=\d{3})", NARROW, text))
            text = re.sub("|".join(_NUMBER_WORDS), lambda m: _NUMBER_WORDS[m[0]], text)
            text = self._one_level(text)
        return str(_unbroken(text, self.lang)) if self.unbroken else text

    def _one_level(self, text: str) -> str:
        """A number of levels below 2 is one of few in French: "1,5 niveau"."""
        return re.sub(r"(?<![\d,])([01](?:,\d+)?\s)niveaux", r"\1niveau", text)

    def _pointed(self, text: str) -> str:
        return text.replace(".", ",") if self.lang == "fr" else text


_NUMBER_WORDS = {
    "more than": "plus de",
    "less than": "moins de",
    "or more": "ou plus",
    " of 255 levels": " niveaux sur 255",
    " of ": " sur ",
    " values": " valeurs",
    " value": " valeur",
    "all": "tous",
}
_SIGNS = {"more than": ">", "plus de": ">", "less than": "<", "moins de": "<"}
TERMINAL = Words("en", "report", unbroken=False)  # what a command prints of what a report says
