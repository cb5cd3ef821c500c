"""A folder with the page as files: index.html, fr.html, and questions for a class."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pasunchat.pack.bundle import bundled, inline
from pasunchat.pack.prepare import Prepared, as_address
from pasunchat.page.first_screen import TEMPLATES as PAGE_TEMPLATES
from pasunchat.page.first_screen import screen_values
from pasunchat.story.wording import TOKENS, Words

TEMPLATES, STATIC = Path(__file__).parent / "templates", Path(__file__).parent / "static"
PAGE_STATIC = PAGE_TEMPLATES.parent / "static"
START = "index.html"
LANGUAGES = ("en", "fr")  # the first is what a page begins in where the browser asks for neither
QUESTIONS = {"en": "questions.html", "fr": "questions.fr.html"}


def written(prepared: Prepared, network: Mapping[str, Any] | None) -> dict[str, bytes]:
    """Every file by its name. network: as plain steps, where it runs in the page."""
    files = {START: _page(prepared, network).encode()}
    for lang in LANGUAGES:
        files[QUESTIONS[lang]] = questions(prepared, lang).encode()
    return files


def _page(prepared: Prepared, network: Mapping[str, Any] | None) -> str:
    """One file in both languages: the second one's sentences, and its body without pictures."""
    first, second = LANGUAGES
    boots = {lang: _boot(prepared, network, lang) for lang in LANGUAGES}
    more = {
        "second": second,
        "second_words": Words(second).table,
        "second_body": "",
        "boot_text": "",
        "style": Markup(_style()),
        "script": Markup(inline(_script())),
        "icon": as_address((PAGE_STATIC / "icon.svg").read_bytes(), "svg+xml"),
    }
    template = _environment().get_template("page.html.j2")
    whole = template.render(screen_values(boots[second]), **more, questions=QUESTIONS[second])
    body = whole.partition("<body>")[2].partition('<script type="application/json"')[0]
    more["second_body"] = Markup(without_pictures(body))
    more["boot_text"] = _as_json({**_lean(boots[first]), "words": Words(first).table})
    return template.render(screen_values(boots[first]), **more, questions=QUESTIONS[first])


def _boot(prepared: Prepared, network: Mapping[str, Any] | None, lang: str) -> dict[str, Any]:
    """What the page's script begins with: as the program's own page, and all that it would ask."""
    shown, fall = next(iter(prepared.falls.items()))
    photo = prepared.photos[fall["facts"]["photo"]["photo"]]
    return {
        "lang": lang,
        "models": prepared.models,
        "run": prepared.models[0]["run"],
        "facts": fall["facts"],
        "example": {"photo": photo["seen"], "changed": fall["changed"]},
        "samples": prepared.samples,
        "classroom": False,
        "keepnote": "keepnote_pack" if network else "keepnote_prepared",
        "foot": "foot_pack",
        "pack": {
            "network": network,
            "photos": prepared.photos,
            "falls": prepared.falls,
            "rooms": prepared.rooms,
            "shown": shown,
        },
    }


def _lean(boot: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the script finds elsewhere in it (static/local-boot.js)."""
    return {name: value for name, value in boot.items() if name not in ("facts", "example")}


def _as_json(value: object) -> Markup:
    """JSON as it may stand inside a <script> element."""
    text = msgspec.json.encode(value).decode()
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def without_pictures(body: str) -> str:
    """HTML whose pictures stand empty: the script puts in those of the other language's."""
    return re.sub(r'src="data:[^"]*"', 'src=""', body)


@cache
def _style() -> str:
    """The style sheets, with their pictures in them."""
    handle = as_address((PAGE_STATIC / "handle.svg").read_bytes(), "svg+xml")
    both = TOKENS.read_text("utf-8") + (PAGE_STATIC / "page.css").read_text("utf-8")
    return both.replace("handle.svg", handle)


@cache
def _script() -> str:
    """The page's modules, with what asks the program replaced by what asks the page."""
    modules = {
        path.name: path.read_text("utf-8")
        for folder in (PAGE_STATIC, STATIC)
        for path in sorted(folder.glob("*.js"))
    }
    modules |= {"source.js": modules["local.js"], "boot.js": modules["local-boot.js"]}
    return bundled(modules, "page.js")


def questions(prepared: Prepared, lang: str) -> str:
    """A sheet to print: questions for a class, and on its last page what the teacher answers."""
    facts = next(iter(prepared.falls.values()))["facts"]
    words, table, model = Words(lang), Words(lang, "questions"), prepared.models[0]
    values = {
        "model": model["name"],
        "size": model["size"],
        "values": words.cnt(3 * model["size"] ** 2),
        "a": words.cls(model["classes"][facts["was"]]),
        "b": words.cls(model["classes"][facts["goal"]]),
        "pa": words.pc(facts["probabilities"]["photo"][facts["was"]]),
        "pb": words.pc(facts["probabilities"]["changed"][facts["goal"]]),
        "max": facts["change"]["max"],
        "still": words.cnt(facts["change"]["still"]),
        "classes": words["and"].join(words.cls(name) for name in model["classes"][:2]),
    }
    asked = [
        (question.format(**values), answer.format(**values)) for question, answer in table["asked"]
    ]
    return (
        _environment()
        .get_template("questions.html.j2")
        .render(w=table, lang=lang, asked=asked, page=f"{START}?lang={lang}", values=values)
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader([TEMPLATES, PAGE_TEMPLATES]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
