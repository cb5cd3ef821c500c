"""Page: what lives as long as the program: models, photos, threads, the token of this start."""

import secrets
import time
from importlib.metadata import version
from threading import Event
from typing import cast

from starlette.requests import Request

from pasunchat.page.example import Example, shipped_example
from pasunchat.page.models import Models
from pasunchat.page.photos import Photos
from pasunchat.page.settings import Settings
from pasunchat.page.workers import Workers


class Page:
    """All that endpoints share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.token = secrets.token_urlsafe(24)
        self.started = time.time()
        self.version = version("pasunchat")
        self.workers = Workers()
        self.shown = Event()  # the first screen has been sent
        self.models = Models(settings.models)
        self.photos = Photos(settings.limits)
        self.example: Example = shipped_example()

    def begin(self) -> None:
        """Let PyTorch and the models be loaded behind the page."""
        self.models.load(self.workers, self.shown)


def page_of(request: Request) -> Page:
    """The page that a request came to."""
    return cast(Page, request.app.state.page)
