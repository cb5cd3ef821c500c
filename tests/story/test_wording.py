"""The tables say the same in both languages, and numbers are said as the language says them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from pasunchat.story.wording import LANGUAGES, TABLES, Words, cancels
from pasunchat.words import percent

NAMES = sorted({path.name.split(".")[0] for path in TABLES.glob("*.fr.json")})


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_sentences_with_the_same_values(name: str) -> None:
    tables = [Words(lang, name).table for lang in LANGUAGES]
    assert tables[0].keys() == tables[1].keys()
    for key, value in tables[0].items():
        assert _values(value) == _values(tables[1][key]), key


def _values(text: object) -> set[str]:
    return set(re.findall(r"{(\w+)}", text)) if isinstance(text, str) else set()


@pytest.mark.parametrize("name", NAMES)
def test_no_french_line_begins_with_a_mark(name: str) -> None:
    assert not re.search(r" [:;?!»%]|« ", str(Words("fr", name).table))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_class_name_stands_after_a_colon_or_in_quotes(lang: str) -> None:
    for key, text in Words(lang).table.items():
        for sentence in re.findall(r"[^.?!]*{[abc]}[^.?!]*", text if isinstance(text, str) else ""):
            for found in re.finditer(r"{[abc]}", sentence):
                before = sentence[: found.start()]
                assert ":" in before or re.search(r"[“«]\u00a0?$", before), (key, sentence)


def test_numbers_in_english() -> None:
    words = Words("en")
    assert words.num(-3.14159, 2) == "−3.14"
    assert words.num(-0.001, 1) == "0.0"
    assert words.sign(2.5, 1) == "+2.5"
    assert words.sign(0.0001, 2) == "0.00"
    assert words.cnt(150528) == "150,528"
    assert words.pcs(0.9999) == ">\u00a099.9\u00a0%"
    assert words.share(0.8713) == "87.1\u00a0%"


def test_numbers_in_french() -> None:
    words = Words("fr")
    assert words.num(-3.14159, 2) == "−3,14"
    assert words.cnt(150528) == "150\u202f528"
    assert words.pc(0.9999) == "plus de 99,9\u00a0%"
    assert words.pcs(0.0001) == "<\u00a00,1\u00a0%"


@pytest.mark.parametrize(
    ("levels", "said"), [("1", "1 niveau"), ("1.5", "1,5 niveau"), ("2", "2 niveaux")]
)
def test_less_than_two_levels_are_one_in_french(levels: str, said: str) -> None:
    words = Words("fr", "report", unbroken=False)
    assert words.told(f"{levels} of 255 levels") == f"{said} sur 255"
    assert f" {said} sur 255" in words.t("noise_some", n=levels.replace(".", ","))
    assert "11 niveaux" in words.t("noise_some", n=11)


def test_counts_and_lists_as_a_language_says_them() -> None:
    english, french = Words("en", "report"), Words("fr", "report")
    assert english.part(1.0, 2500) == "2,500 of 2,500" and english.tick(1.0) == "all"
    assert french.part(1.0, 2500) == "2\u202f500 sur 2\u202f500" and french.tick(1.0) == "tous"
    assert french.part(0.123) == "12,3\u00a0%" and french.part(1.0) == "plus de 99,9\u00a0%"
    assert french.interval((0.741, 1.0)) == "[74,1 ou plus]"
    assert french.interval((0.781, 0.812)) == "[78,1\u00a0; 81,2]"
    assert french.lasted(2.5) == "2,5 s"


@given(st.floats(0, 1))
def test_a_probability_is_said_as_everywhere_else(probability: float) -> None:
    assert Words("en").pc(probability).replace("\u00a0", " ") == percent(probability)


def test_pushes_have_cancelled_out_below_a_tenth_of_those_found() -> None:
    assert cancels(0.003, 6.74) and cancels(-0.6, 6.74) and cancels(0.0, 0.0)
    assert not cancels(0.7, 6.74) and not cancels(-2.0, -6.74)


def test_values_are_escaped_and_terms_are_marked() -> None:
    words = Words("en")
    assert words.rich("lead_own", a="<b>") == Markup("The network reads your photo as: &lt;b&gt;.")
    assert "<dfn>Softmax</dfn>" in words.rich("soft_p") and "<i>e</i>" in words.rich("soft_p")
    assert "Softmax makes" in words.t("soft_p")


def test_the_shipped_classes_are_translated_and_others_stay() -> None:
    assert Words("fr").cls("cat") == "chat"
    assert Words("fr").cls("wolf") == "wolf"
