"""first_screen: the page as HTML, true before any script: picture, answers, both sentences."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pasunchat.story.marks import mark
from pasunchat.story.wording import CANCELS, LANGUAGES, Words

TEMPLATES = Path(__file__).parent / "templates"
MOST_ROWS, LARGEST = 6, 5  # classes that have a bar each; of more than that, the largest


def first_screen(boot: Mapping[str, Any], *, token: str | None = None, teach: bool = False) -> str:
    """The page. boot: what its script begins with, and what is shown of it before the script runs:
    `lang`, `models` (their facts), `run` and `facts` (of the finished example), `example`
    (addresses of its pictures), `samples`, `classroom`; `wanted`, where another model is asked
    next. The page's sentences are put into it as `words`. token: what the page's requests are known
    by. teach: one station at a time.
    """
    values = screen_values(boot, token=token, teach=teach)
    return _environment().get_template("index.html.j2").render(values)


def screen_values(
    boot: Mapping[str, Any], *, token: str | None = None, teach: bool = False
) -> dict[str, Any]:
    """What the page's template is given; as for `first_screen`."""
    words = Words(boot["lang"])
    model = next(model for model in boot["models"] if model["run"] == boot["run"])
    return {
        "boot": {**boot, "words": words.table},
        "w": words,
        "model": model,
        "shown": Answers(boot["facts"], model["classes"], words),
        "facts": boot["facts"],
        "example": boot["example"],
        "token": token,
        "teach": teach,
        "cancels": CANCELS,
    }


def code_screen(lang: str, wrong: str = "", values: Mapping[str, Any] | None = None) -> str:
    """The page that asks a visitor of a class for its code. wrong: the key of what was wrong with
    the last one."""
    words = Words(lang if lang in LANGUAGES else LANGUAGES[0])
    said = words.t(wrong, **(values or {})) if wrong else ""
    return _environment().get_template("code.html.j2").render(w=words, wrong=said)


class Answers:
    """What the network says of the finished example, in words and marks."""

    def __init__(self, facts: Mapping[str, Any], classes: Sequence[str], words: Words) -> None:
        self.classes = facts.get("classes", classes)
        self.words, self.was, self.goal = words, facts["was"], facts["goal"]
        self.before: Sequence[float] = facts["probabilities"]["photo"]
        self.after: Sequence[float] = facts["probabilities"]["changed"]
        self.now = max(range(len(self.after)), key=self.after.__getitem__)

    def mark(self, index: int) -> int:
        """Of a class, 1..5."""
        return mark(index, len(self.classes), self.was, self.goal)

    def name(self, index: int) -> str:
        """Of a class, in the page's language."""
        return self.words.cls(self.classes[index])

    def said(self, index: int, probability: float) -> str:
        """ "cat 98 %"."""
        return f"{self.name(index)} {self.words.pc(probability)}"

    def bold(self, index: int, probability: float) -> Markup:
        """The same as HTML, in the ink of the class: "cat, 98 %"."""
        text = f"{self.name(index)}, {self.words.pc(probability)}"
        return Markup('<b class="c{}">{}</b>').format(self.mark(index), text)

    def known(self, model: Mapping[str, Any]) -> str:
        """Which classes the network knows, and how often it is right."""
        words, accuracy = self.words, model["accuracy"]
        names = [words.cls(name) for name in model["classes"]]
        classes = (
            words["and"].join((", ".join(names[:-1]), names[-1]))
            if 1 < len(names) <= MOST_ROWS
            else words.t("classes_n", n=words.cnt(len(names)))
        )
        if not accuracy:
            return words.t("facts_none", classes=classes)
        return words.t(
            "facts",
            classes=classes,
            acc=words.share(accuracy["value"]),
            n=words.cnt(accuracy["photos"]),
            lo=words.num(100 * accuracy["low"], 1),
            hi=words.share(accuracy["high"]),
        )

    def rows(self) -> list[int]:
        """The classes that have a bar each."""
        return rows_of(self.before, self.after, self.was, self.goal)


def rows_of(before: Sequence[float], after: Sequence[float], was: int, goal: int) -> list[int]:
    """Up to six classes in their order; of more the five that are largest in one of two answers,
    `was` and `goal` among them."""
    if len(before) <= MOST_ROWS:
        return list(range(len(before)))
    most = sorted(range(len(before)), key=lambda i: -max(before[i], after[i]))
    others = [index for index in most if index not in (was, goal)]
    return [was, goal, *others][:LARGEST]


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
