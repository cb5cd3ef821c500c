"""Page: what lives as long as the program: models, photos, threads, the token of this start."""

import secrets
import time
from collections import OrderedDict
from importlib.metadata import version
from threading import Event
from typing import TYPE_CHECKING, cast

from starlette.requests import Request

from pasunchat.page.example import Example, shipped_example
from pasunchat.page.models import Models
from pasunchat.page.photos import Photos
from pasunchat.page.running import Runner
from pasunchat.page.samples import Shared
from pasunchat.page.searches import Searches
from pasunchat.page.settings import Settings
from pasunchat.page.workers import Workers

if TYPE_CHECKING:
    from pasunchat.page.inside import Insides


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
        self.example: Example = shipped_example()
        self.photos = Photos(settings.limits, Shared(self.example, settings.limits))
        self.insides: Insides = OrderedDict()  # used in the thread of quick questions alone
        runner = Runner(self.workers, self.models, self.photos, settings.limits)
        self.searches = Searches(settings.limits, self.most_waiting(), runner.run)

    def most_waiting(self) -> int:
        """How many searches may wait."""
        settings = self.settings
        return settings.class_limits.waiting if settings.classroom else settings.limits.waiting

    def search_seconds(self) -> float:
        """How long one search may take."""
        settings = self.settings
        limits = settings.class_limits if settings.classroom else settings.limits
        return limits.search_seconds

    def begin(self) -> None:
        """Let PyTorch and the models be loaded behind the page."""
        self.models.load(self.workers, self.shown)


def page_of(request: Request) -> Page:
    """The page that a request came to."""
    return cast(Page, request.app.state.page)
