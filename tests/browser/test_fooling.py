"""Fooling: search, fall, verdict; scrubbing; and all that is found out of the changed picture."""

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pasunchat.fooled.film import STEPS, growing

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def fooled_tab(make_tab: Callable[..., Any], served: Any, pictures: Path) -> Iterator[Any]:
    """A drawn cat, fooled: what the tests below look at one after the other."""
    with make_tab(served, accept_downloads=True) as tab:
        # the talk's bargain takes six long searches: the example has it already
        tab.page.route("**/price", lambda route: route.fulfill(json=[]))
        tab.go()
        tab.open_file(pictures / "cat.jpg")
        tab.fool()
        yield tab


def pixels_of(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def picture(tab: Any, query: str) -> Any:
    url = tab.page.locator(query).get_attribute("src")
    return pixels_of(tab.page.request.get(tab.served.address + url).body())


def test_the_verdict_is_of_the_saved_picture(fooled_tab: Any) -> None:
    from pasunchat.classifiers.load import load
    from pasunchat.words import percent

    changed, photo = picture(fooled_tab, "img.over"), picture(fooled_tab, "img.under")
    classifier = load("simple")
    before, after = (classifier.probabilities(each[None])[0] for each in (photo, changed))
    names = classifier.classes
    said = [f"{names[p.argmax()]} {percent(p.max())}" for p in (before, after)]
    verdict = fooled_tab.text("[data-verdict]")
    assert verdict.startswith(said[0]) and verdict.endswith(said[1])
    assert names[before.argmax()] != names[after.argmax()]
    moved = np.abs(changed.astype(int) - photo)
    assert f"more than {moved.max()} of 255 levels" in fooled_tab.text("[data-say]")
    assert f"{(moved == 0).sum():,} of 150,528" in fooled_tab.text("[data-say]")


def test_each_frame_that_is_drawn_is_the_one_that_was_asked_about(fooled_tab: Any) -> None:
    page = fooled_tab.page
    frames = growing(picture(fooled_tab, "img.under"), picture(fooled_tab, "img.over"))
    for step in (1, 7, 20):
        page.locator('[data-do="scrub"]').fill(str(step))
        fooled_tab.until(f"document.querySelector('[data-do=scrub]').value === '{step}'")
        page.wait_for_timeout(150)
        drawn = page.evaluate(
            """() => { const canvas = document.querySelector(".letting");
              return [...canvas.getContext("2d").getImageData(0, 0, 224, 224).data]; }"""
        )
        rgb = np.array(drawn, np.uint8).reshape(224, 224, 4)[..., :3]
        digests = [hashlib.sha256(each.tobytes()).hexdigest() for each in (rgb, frames[step])]
        assert digests[0] == digests[1], step
        share = round(100 * step / STEPS)
        assert f"{share} % of the change" in fooled_tab.text("[data-say]")
    page.locator('[data-do="scrub"]').fill(str(STEPS))
    fooled_tab.until("document.querySelector('.letting').hidden")


def test_steps_go_on_from_the_beginning(fooled_tab: Any) -> None:
    page = fooled_tab.page
    page.click('[data-do="step"]')
    fooled_tab.until("document.querySelector('[data-do=scrub]').value === '0'")
    page.click('[data-do="step"]')
    fooled_tab.until("document.querySelector('[data-do=scrub]').value === '1'")
    assert page.get_attribute(".subject", "data-show") == "changed"


def test_the_loupe_reads_the_numbers_of_both_pictures(fooled_tab: Any) -> None:
    page = fooled_tab.page
    fooled_tab.see("added")
    fooled_tab.until("document.querySelector('.px td:nth-child(2)').textContent !== ''")
    page.focus('[data-spy="changed"]')
    for key in ("ArrowRight", "Shift+ArrowDown", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    x, y = map(int, fooled_tab.text("[data-at]").removeprefix("pixel ").split(", "))
    photo, changed = picture(fooled_tab, "img.under"), picture(fooled_tab, "img.over")
    for row, channel in enumerate(("red", "green", "blue")):
        cells = page.locator(".px tbody tr").nth(row).locator("td").all_inner_texts()
        assert cells[0] == str(photo[y, x, row]) and cells[2] == str(changed[y, x, row]), channel


def test_noise_of_the_same_size_is_shown_with_its_answers(fooled_tab: Any) -> None:
    fooled_tab.see("random")
    fooled_tab.until("document.querySelectorAll('[data-control] .cap').length === 3")
    assert "of 8 draws" in fooled_tab.text("[data-control]")


def test_why_adds_up(fooled_tab: Any) -> None:
    fooled_tab.see("why")
    assert "Added up, that is" in fooled_tab.text("[data-why-p]")
    assert fooled_tab.page.locator("[data-walk] polyline.walk-f").count() == 2
    assert fooled_tab.page.locator("[data-grow] .try.ink").count() == 2 * 4


def test_thirteen_rungs(fooled_tab: Any) -> None:
    fooled_tab.see("survive")
    fooled_tab.until("document.querySelectorAll('[data-rungs] li').length === 13")
    ok = fooled_tab.page.locator("[data-rungs] .ok").count()
    assert f"{ok} of 13 still fool" in fooled_tab.text("[data-survive-p]")


def test_how_little(fooled_tab: Any) -> None:
    fooled_tab.see("little")
    fooled_tab.page.locator('[data-do="levels"]').fill("0")
    assert "The photo as it is." in fooled_tab.text("[data-little-say]")
    fooled_tab.page.locator('[data-do="levels"]').fill("4")
    assert "With 4 levels it says:" in fooled_tab.text("[data-little-say]")


def test_the_talks_bargain_is_in_the_example(tab: Any) -> None:
    tab.see("little")
    assert tab.page.locator("[data-price] thead th").count() == 7
    assert tab.text("[data-price] thead .here") == "0.1"


def test_a_network_alone_has_no_others(fooled_tab: Any) -> None:
    fooled_tab.see("others")
    assert "no other network here" in fooled_tab.text("#others")


def test_what_is_kept_holds_when_it_is_dropped_again(fooled_tab: Any, tmp_path: Path) -> None:
    page = fooled_tab.page
    fooled_tab.see("keep")
    names = page.locator("[data-files] a").evaluate_all("all => all.map((a) => a.download)")
    assert names[0] == "cat.dog.png" or names[0] == "cat.cat.png"
    with page.expect_download() as held:
        page.locator("[data-files] a").first.click()
    held.value.save_as(tmp_path / names[0])
    page.set_input_files("[data-file]", tmp_path / names[0])
    fooled_tab.until("document.querySelector('[data-drop-note] .note') !== null")
    fooled_tab.until("document.querySelector('.drop').dataset.state !== 'busy'")
    assert "The receipt holds" in fooled_tab.text("[data-drop-note]")

    image = Image.open(tmp_path / names[0])
    told = image.info
    pixels = np.asarray(image.convert("RGB")).copy()
    pixels[0, 0] = 255 - pixels[0, 0]
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    for key, value in told.items():
        if isinstance(value, str):
            texts.add_itxt(key, value)
    Image.fromarray(pixels).save(tmp_path / "other.png", pnginfo=texts)
    page.set_input_files("[data-file]", tmp_path / "other.png")
    fooled_tab.until(
        "document.querySelector('[data-drop-note]').textContent.includes('does not hold')"
    )


def test_the_search_is_seen_and_can_be_stopped(open_tab: Open, pictures: Path) -> None:
    tab = open_tab(reduced_motion="no-preference")
    tab.go()
    tab.open_file(pictures / "cat.jpg")
    tab.page.click('[data-do="fool"]')
    tab.until("document.querySelectorAll('.plane.wide .try').length >= 2")
    assert tab.page.get_attribute(".subject", "data-show") == "photo"
    tab.page.click('[data-do="fool"]')
    tab.fooled()
    assert tab.page.evaluate("document.querySelectorAll('.plane.wide .try').length") >= 2


def test_put_it_right_where_it_is_read_so_already(tab: Any) -> None:
    tab.page.evaluate(
        """() => { const select = document.querySelector('.options [data-option=target]');
          select.value = '0'; select.dispatchEvent(new Event('change', { bubbles: true })); }"""
    )
    tab.page.click("summary")
    tab.page.click('[data-do="anew"]')
    note = tab.page.locator("[data-fool-note] .note")
    assert "already reads the photo as: cat" in note.inner_text()
    note.locator("button").click()
    tab.fooled()
    assert "dog 95 %" in tab.text("[data-verdict]")
