"""A photo of one's own: dropped, pasted, chosen; what is said of files that are none."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def sent(tab: Any, path: Path, event: str) -> None:
    """Drop a file on the page, or paste it."""
    kind = "image/jpeg" if path.suffix == ".jpg" else "image/png"
    tab.page.evaluate(
        """([data, name, kind, event]) => {
          const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
          const held = new DataTransfer();
          held.items.add(new File([bytes], name, { type: kind }));
          const told = { bubbles: true, cancelable: true };
          if (event === "paste") {
            document.dispatchEvent(new ClipboardEvent("paste", { ...told, clipboardData: held }));
            return;
          }
          for (const name of ["dragenter", "dragover", "drop"])
            document.body.dispatchEvent(new DragEvent(name, { ...told, dataTransfer: held }));
        }""",
        [base64.b64encode(path.read_bytes()).decode(), path.name, kind, event],
    )
    tab.answered()


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_photo_is_read(tab: Any, pictures: Path, event: str) -> None:
    sent(tab, pictures / "cat.jpg", event)
    assert tab.text("[data-lead]").startswith("The network reads your photo as:")
    assert tab.page.get_attribute(".subject", "data-show") == "photo"
    assert "480 × 320" in tab.text("[data-see]") and "224 × 224" in tab.text("[data-see]")
    for station in ("added", "random", "why", "survive", "little", "others", "keep"):
        assert "Fool it first" in tab.text(f"#{station} .later"), station
    assert tab.text("[data-verdict]") == tab.text(".tag.left")


def test_what_the_page_says_is_what_the_program_says(tab: Any, pictures: Path) -> None:
    from pasunchat.classifiers.load import load
    from pasunchat.measures.predict import predict

    tab.open_file(pictures / "cat.png")
    (found,) = predict(load("simple"), [pictures / "cat.png"])
    name, share = found.prediction.label, found.prediction.confidence
    from pasunchat.words import percent

    assert f"{name}, {percent(share)}" in tab.text("[data-lead]")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("notes.txt", "is not a picture"),
        ("photo.heic", "is a HEIC photo"),
        ("cut.jpg", "is cut short"),
        ("poster.png", "has 52 million pixels; the most is 50"),
    ],
)
def test_what_is_no_photo_is_named_and_the_page_stays(
    tab: Any, pictures: Path, file: str, said: str
) -> None:
    before = tab.text("[data-lead]")
    tab.open_file(pictures / file)
    note = tab.text("[data-drop-note]")
    assert said in note and file in note
    assert tab.text("[data-lead]") == before


def test_a_file_that_is_too_large_is_not_even_sent(tab: Any, tmp_path: Path) -> None:
    (tmp_path / "huge.png").write_bytes(bytes(21_000_000))
    asked = len([url for url in tab.requests if "/photo" in url])
    tab.open_file(tmp_path / "huge.png")
    assert "21 MB; the most is 20 MB" in tab.text("[data-drop-note]")
    assert len([url for url in tab.requests if "/photo" in url]) == asked


def test_of_a_film_the_first_picture_is_taken(tab: Any, pictures: Path) -> None:
    tab.open_file(pictures / "moves.gif")
    assert "its first picture was taken" in tab.text("[data-drop-note]")


def test_a_sample_and_back_to_the_example(tab: Any) -> None:
    tab.page.click('[data-sample="pipe"]')
    tab.answered()
    assert tab.page.get_attribute('[data-sample="pipe"]', "aria-pressed") == "true"
    assert "reads your photo as" in tab.text("[data-lead]")
    tab.page.click('[data-sample="chelsea"]')
    assert tab.text("[data-lead]").startswith("You see a cat.")
    assert tab.page.get_attribute(".subject", "data-show") == "both"


def test_its_name_is_text_and_nothing_else(tab: Any, pictures: Path, tmp_path: Path) -> None:
    odd = tmp_path / "<img src=x onerror=alert(1)>&.txt"
    odd.write_text("no picture")
    tab.open_file(odd)
    assert "<img src=x onerror=alert(1)>&.txt" in tab.text("[data-drop-note]")
    assert not tab.page.query_selector("[data-drop-note] img")


def test_a_phone_shows_the_answer_and_a_small_picture_all_the_way(
    open_tab: Callable[..., Any], pictures: Path
) -> None:
    tab = open_tab(viewport={"width": 390, "height": 800}, has_touch=True)
    tab.go()
    tab.open_file(pictures / "cat.jpg")
    for station in ("see", "numbers", "softmax", "keep"):
        tab.see(station)
        box = tab.page.locator(".answer").bounding_box()
        assert box["y"] == pytest.approx(0, abs=1)
        assert tab.page.locator(".thumb img").is_visible()
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390
