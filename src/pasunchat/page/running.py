"""Runner: runs one search after the other in the thread of searches, and tells what comes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pasunchat.errors import PasunchatError
from pasunchat.page.example import Example, example_of
from pasunchat.page.jobs import failure
from pasunchat.page.models import Models
from pasunchat.page.photos import KeptPhoto, Photos
from pasunchat.page.searches import Search, Searches
from pasunchat.page.settings import Limits
from pasunchat.page.workers import Workers

Tell = Callable[[str, Any], None]
# Where the facts have what comes in several events: `model` is the name of the one that was fooled.
GATHERED = {"survival": "survival", "model": "answers"}


@dataclass(frozen=True)
class Runner:
    """Runs a search, wherever it is called from."""

    workers: Workers
    models: Models
    photos: Photos
    limits: Limits

    async def run(self, search: Search) -> None:
        """Search, judge, and find out what can be said at once. It never raises: what goes wrong is
        said as the search's last event."""
        loop = asyncio.get_running_loop()

        def tell(name: str, data: Any) -> None:
            loop.call_soon_threadsafe(said, search, name, data)

        def keep(photo: KeptPhoto) -> None:
            loop.call_soon_threadsafe(self.photos.add, photo)

        search.facts = {"model": search.model.facts.name, "run": search.model.facts.run}
        try:
            search.facts["photo"] = await self.workers.quick.run(photo_facts_of, search)
            await self.workers.searching.run(_work, search, self, tell, keep)
            said(search, "done", {})
        except Exception as error:
            said(search, "failed", failure(error))

    async def example(self, searches: Searches, run: Path) -> Example | None:
        """The first photo that the first model, a run, has fooled; None where that is none of this
        very classifier."""
        from pasunchat.page.fooled_example import fooled_example

        model, loop = self.models.first, asyncio.get_running_loop()
        try:
            await asyncio.wrap_future(model.looked_into)
            search = await self.workers.searching.run(fooled_example, model, run, self.limits)
        except PasunchatError:  # files that do not fit each other; the page has another example
            return None
        if search is None or search.picture is None:
            return None
        for photo in (search.photo, search.picture):
            self.photos.add(photo)
        searches.kept[search.id] = search
        search.facts["photo"] = await self.workers.quick.run(photo_facts_of, search)

        def tell(name: str, data: Any) -> None:
            loop.call_soon_threadsafe(said, search, name, data)

        await self.workers.searching.run(look_back, search, self, tell)
        said(search, "done", {})
        return example_of(search)


def said(search: Search, name: str, data: Any) -> None:
    """Put an event into the log, and into the facts of the whole."""
    if name == "tries":
        search.facts.setdefault(name, []).extend(data)
    elif name in GATHERED:
        search.facts.setdefault(GATHERED[name], []).append(data)
    elif name in ("found", "begun"):
        search.facts.update(data)
    else:
        search.facts[name] = data
    search.log.add(name, data)


def photo_facts_of(search: Search) -> dict[str, Any]:
    """Of the photo that is searched from. In the thread of quick questions."""
    from pasunchat.page.asking import photo_facts

    return photo_facts(search.photo, search.model.facts, search.model.asked.result())


def _work(search: Search, runner: Runner, tell: Tell, keep: Callable[[KeptPhoto], None]) -> None:
    """In the thread of searches. Whoever has left is not told the rest."""
    from pasunchat.page.search_job import request_of, run_search

    request = request_of(search.request, gradient=search.model.facts.gradient)
    run_search(search, request, runner.limits, tell, keep)
    look_back(search, runner, tell)


def look_back(search: Search, runner: Runner, tell: Tell) -> None:
    """What is found out at once of a picture that has been judged. In the thread of searches."""
    from pasunchat.page.aftermath import Aftermath, control, let_in, survived
    from pasunchat.page.others import tell_answers

    judged, classifier = search.judged, search.model.searched()
    assert judged is not None
    kept = search.aftermath = Aftermath()
    steps: tuple[Callable[[], None], ...] = (
        lambda: let_in(classifier, judged, kept, tell),
        lambda: control(classifier, judged, kept, tell),
        lambda: survived(classifier, judged, tell),
        lambda: tell_answers(search, runner, tell),
    )
    for step in steps:
        if search.ended == "left":
            return
        step()
