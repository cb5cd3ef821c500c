"""Page: what lives as long as the program: models, photos, threads, the token of this start."""

import asyncio
import secrets
import time
from collections import OrderedDict
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, cast

from starlette.requests import Request

from pasunchat.page.classroom import Classroom
from pasunchat.page.example import Example, shipped_example
from pasunchat.page.jobs import Jobs
from pasunchat.page.models import Model, ModelFacts, Models, fooled_by
from pasunchat.page.photos import Photos
from pasunchat.page.proofs import Proofs, prove
from pasunchat.page.running import Runner
from pasunchat.page.samples import Shared
from pasunchat.page.searches import Searches
from pasunchat.page.settings import Settings
from pasunchat.page.workers import Workers
from pasunchat.story.wording import LANGUAGES

if TYPE_CHECKING:
    from pasunchat.classifiers.classifier import Classifier
    from pasunchat.page.inside import Insides


class Page:
    """All that endpoints share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.token = secrets.token_urlsafe(24)
        self.started = time.time()
        self.workers = Workers()
        self.shown = Event()  # the first screen stands, or a network is wanted before
        self.models = Models(settings.models)
        self.photos = Photos(settings.limits, Shared(settings.limits))
        self.insides: Insides = OrderedDict()  # used in the thread of quick questions alone
        self.runner = Runner(self.workers, self.models, self.photos, settings.limits)
        self.searches: Searches = Jobs(
            self.runner.run,
            waiting=settings.search_limits.waiting,
            kept=settings.search_limits.kept_searches,
            leave_seconds=settings.limits.leave_seconds,
        )
        self.proofs: Proofs = Jobs(
            partial(prove, self.workers),
            waiting=settings.search_limits.waiting,
            kept=settings.search_limits.kept_searches,
            leave_seconds=settings.limits.leave_seconds,
        )
        self.classroom: Classroom | None = None
        if settings.classroom:
            self.classroom = Classroom(settings.class_limits, self.forget, time.monotonic)
        self.own_example: asyncio.Task[Example | None] | None = None

    def begin(self) -> None:
        """Let PyTorch and the models be loaded behind the page; where the first model is a run that
        has fooled a photo, that becomes the example."""
        fooled = fooled_by(self.models.first)
        if fooled is not None:
            self.shown.set()
            self.own_example = asyncio.create_task(self.runner.example(self.searches, fooled))
        self.models.load(self.workers, self.shown)

    def end(self) -> None:
        """End what is at work, as soon as it can."""
        self.searches.close()
        self.proofs.close()
        self.models.give_up()
        self.shown.set()
        self.workers.close()

    async def example_of(self, model: Model) -> Example:
        """What is shown before a visitor has a photo of his own."""
        if self.own_example is not None and model is self.models.first:
            found = await asyncio.shield(self.own_example)
            if found is not None:
                return found
        return shipped_example(self.models.of_example)

    async def classifier_of(self, model: Model) -> "Classifier":
        """The copy of a model that quick questions are asked of, once it is loaded."""
        self.shown.set()
        return await asyncio.wrap_future(model.asked)

    async def facts(self) -> list[ModelFacts]:
        """Those of all models, once each of them is loaded, or is known not to be."""
        self.shown.set()
        loaded = (asyncio.wrap_future(each.looked_into) for each in self.models.by_run.values())
        await asyncio.gather(*loaded, return_exceptions=True)
        return self.models.facts()

    def forget(self, owner: str) -> None:
        """Let go all photos, searches and proofs of a visitor."""
        self.searches.forget(owner)
        self.proofs.forget(owner)
        self.photos.forget(owner)

    def invitation(self) -> dict[str, str]:
        """What a class needs to come in. Only whoever sits at this machine is shown it."""
        assert self.classroom is not None
        address = f"http://{self.settings.address}:{self.settings.port}/"
        return {"address": address, "code": self.classroom.code}

    def search_seconds(self) -> float:
        """How long one search may take."""
        return self.settings.search_limits.search_seconds


def lang_of(request: Request) -> str:
    """The language asked for, "en" or "fr"; else the one that the page begins in."""
    usual = page_of(request).settings.lang
    lang = request.query_params.get("lang", usual)
    return lang if lang in LANGUAGES else usual


def page_of(request: Request) -> Page:
    """The page that a request came to."""
    return cast(Page, request.app.state.page)
