"""A packed page, opened from disk with the network off."""

import base64
import io
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pasunchat.classifiers.classifier import softmax
from pasunchat.classifiers.load import load
from pasunchat.photos.drawing import draw
from pasunchat.photos.image import decode_photo

READY = "html[data-ready]"
DRAWN = """[...document.querySelectorAll("#layers .map canvas")].some((map) =>
  new Set(map.getContext("2d").getImageData(0, 0, map.width, map.height).data).size > 8)"""
MINUTES = 3 * 60 * 1000


@pytest.fixture
def opened(browser, packed):
    """opened(lang): the page; what it asks for from elsewhere, and its errors, fail the test."""
    context = browser.new_context(offline=True, accept_downloads=True, locale="en-GB")
    wrong: list[str] = []

    def page_in(lang: str = "en"):
        page = context.new_page()
        page.set_default_timeout(MINUTES)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("request", lambda request: wrong.append(request.url) if outside(request) else None)
        page.goto(f"{(packed / 'index.html').as_uri()}?lang={lang}")
        page.wait_for_selector(READY)
        return page

    yield page_in
    context.close()
    assert wrong == []


def outside(request) -> bool:
    return not request.url.startswith(("file:", "data:", "blob:"))


def until(page, true: str) -> None:
    """Wait until an expression holds; the page's policy forbids Playwright's own way."""
    end = time.monotonic() + MINUTES / 1000
    while not page.evaluate(true):
        assert time.monotonic() < end, f"never: {true}"
        page.wait_for_timeout(100)


def jpeg() -> bytes:
    file = io.BytesIO()
    draw("cat", 3, 5, 210).resize((210, 150)).save(file, "JPEG", quality=90)
    return file.getvalue()


def drop(page, name: str, data: bytes) -> None:
    page.set_input_files("[data-file]", {"name": name, "mimeType": "image/*", "buffer": data})
    until(page, "!['empty', 'busy'].includes(document.querySelector('.drop').dataset.state)")


def saved(page, words: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("link", name=words).click()
    return Path(download.value.path()).read_bytes()


def test_the_first_screen_is_the_finished_example(opened):
    page = opened()
    assert page.title().startswith("Ceci n’est pas un chat")
    assert page.locator("[data-lead] b").count() == 2
    assert page.locator(".sample").count() == 6


def test_a_new_photo_is_read_and_fooled_in_the_page(opened, run):
    page, classifier = opened(), load(str(run))
    data = jpeg()
    drop(page, "own photo.jpg", data)
    assert page.locator(".drop").get_attribute("data-state") == "done"
    page.click('[data-do="fool"]')
    until(page, "!document.querySelector('[data-do=scrub]').disabled")
    page.locator("#keep").scroll_into_view_if_needed()
    facts = json.loads(saved(page, "Facts, JSON"))
    seen = decode_photo(data).square(32, "pad")
    expected = classifier.logits(seen[None])[0].numpy()
    size = np.abs(expected).max()
    assert np.abs(np.array(facts["logits"]["photo"]) - expected).max() <= 1e-4 * size
    with Image.open(io.BytesIO(saved(page, "Picture, PNG"))) as picture:
        changed = np.asarray(picture.convert("RGB"))
    asked = classifier.logits(changed[None])
    assert np.abs(np.array(facts["logits"]["changed"]) - asked[0].numpy()).max() <= 1e-4 * size
    assert facts["fooled"] and int(asked.argmax()) == facts["goal"] != int(expected.argmax())
    assert softmax(asked)[0][facts["goal"]] >= 0.95 - 1e-4
    assert facts["change"]["max"] == np.abs(changed.astype(int) - seen.astype(int)).max()
    assert facts["receipt"] is False
    assert "without a receipt" in page.inner_text("#keep")


def test_its_inside_is_shown_too(opened):
    page = opened()
    drop(page, "own.jpg", jpeg())
    for station, figure in (("layers", ".map"), ("sum", ".trio"), ("last", "[data-totals] b")):
        page.locator(f"#{station}").scroll_into_view_if_needed()
        page.wait_for_selector(f"#{station} {figure}")
    assert page.locator(".maps").count() == 2


def test_a_prepared_fall_is_played_and_explained(opened):
    page = opened()
    page.click('.sample[data-sample="cat"]')
    until(page, "document.querySelector('.drop').dataset.state === 'done'")
    page.click('[data-do="fool"]')
    until(page, "!document.querySelector('[data-do=scrub]').disabled")
    for station, text in (("why", "Added up"), ("random", "Random noise"), ("survive", "13")):
        page.locator(f"#{station}").scroll_into_view_if_needed()
        until(page, f"document.querySelector('#{station}').innerText.includes({text!r})")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("note.txt", b"not a picture", "is not a picture"),
        ("photo.heic", b"\0\0\0\x18ftypheic" + bytes(60), "HEIC"),
        ("half.jpg", jpeg()[:40], "is damaged"),
    ],
)
def test_what_is_no_photo_is_said_in_words(name, data, words, opened):
    page = opened()
    drop(page, name, data)
    assert words in page.inner_text("[data-drop-note]")


def test_in_french(opened):
    page = opened("fr")
    assert page.evaluate("document.documentElement.lang") == "fr"
    assert "Votre tour" in page.inner_text(".drop") or "photo" in page.inner_text(".drop")
    assert page.locator(".sample img").first.evaluate("(i) => i.naturalWidth") > 0
    assert page.locator(".under").evaluate("(image) => image.naturalWidth") == 32
    drop(page, "own.jpg", jpeg())
    assert "Le réseau" in page.inner_text("[data-lead]")
    page.click("[data-language]")
    page.wait_for_selector(READY)
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.fixture(scope="module")
def packed_large(tmp_path_factory):
    """The page of a network that is too large to run in it."""
    from pasunchat.classifiers.build import build
    from pasunchat.classifiers.files import save
    from pasunchat.pack.pack import pack

    folder = tmp_path_factory.mktemp("large")
    save(build("simple:width=120", classes=("cat", "dog"), size=32, seed=1), folder / "run")
    result = pack(str(folder / "run"), folder / "page")
    assert not result.runs and "up to 200,000" in result.why_not
    return folder / "page"


def test_every_picture_in_the_page_of_a_large_network_can_be_opened(packed_large):
    page = (packed_large / "index.html").read_text()
    addresses = set(re.findall(r'data:image/(?:png|webp);base64,([^"]+)"', page))
    assert len(addresses) > 50
    for each in addresses:
        Image.open(io.BytesIO(base64.b64decode(each))).load()


def test_a_network_that_is_too_large_shows_prepared_photos_and_says_so(browser, packed_large):
    page, wrong = browser.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto((packed_large / "index.html").as_uri())
    page.wait_for_selector(READY)
    assert "too large" in page.inner_text(".drop")
    drop(page, "own.jpg", jpeg())
    assert "only the photos below" in page.inner_text("[data-drop-note]")
    page.click('.sample[data-sample="dog"]')
    until(page, "document.querySelector('.drop').dataset.state === 'done'")
    for station, text in (("sum", "too large"), ("layers", "120 maps"), ("last", "totals")):
        page.locator(f"#{station}").scroll_into_view_if_needed()
        until(page, f"document.querySelector('#{station}').innerText.includes({text!r})")
    until(page, DRAWN)
    page.click('[data-do="fool"]')
    until(page, "!document.querySelector('[data-do=scrub]').disabled")
    page.locator("#why").scroll_into_view_if_needed()
    until(page, "document.querySelector('#why').innerText.includes('first example only')")
    page.close()
    assert wrong == []
