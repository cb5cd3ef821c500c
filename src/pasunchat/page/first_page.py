"""GET /: the page, its first screen made here."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pasunchat.page.classroom import TEACHER
from pasunchat.page.example import SAMPLES, Example, samples
from pasunchat.page.first_screen import first_screen
from pasunchat.page.photo_requests import owner_of
from pasunchat.page.state import Page, lang_of, page_of

EXAMPLE_SAMPLE = SAMPLES[0]  # the photo that the shipped example is of


async def first_page(request: Request) -> Response:
    """The page in the language asked for, for the model asked for."""
    page = page_of(request)
    lang = lang_of(request)
    model = page.models.of(request.query_params.get("run"))
    teach = page.settings.teach or "teach" in request.query_params
    example = await page.example_of(model)
    boot = boot_facts(page, lang, model.facts.run, example)
    if page.classroom is not None and owner_of(request) == TEACHER:
        boot["invitation"] = page.invitation()
    text = first_screen(boot, token=page.token, teach=teach)
    return HTMLResponse(text)


def boot_facts(page: Page, lang: str, run: str, example: Example) -> dict[str, Any]:
    """What the page's script begins with, in plain values."""
    return {
        "lang": lang,
        "models": msgspec.to_builtins(page.models.facts()),
        "run": example.facts["run"],
        "wanted": run,  # is asked about the example's photo, once it is loaded
        "facts": example.facts,
        "example": example.urls,
        "samples": samples(),
        "example_sample": EXAMPLE_SAMPLE if "whole" in example.facts["photo"] else None,
        "classroom": page.settings.classroom,
    }
