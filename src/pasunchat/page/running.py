"""Runner: runs one search after the other in the thread of searches, and tells what comes."""

import asyncio
from dataclasses import dataclass
from typing import Any

from pasunchat.errors import PasunchatError
from pasunchat.page.models import Models
from pasunchat.page.photos import KeptPhoto, Photos
from pasunchat.page.refusals import Refused
from pasunchat.page.searches import Search
from pasunchat.page.settings import Limits
from pasunchat.page.workers import Workers

GATHERED = {"survival": "survival", "model": "models"}  # events of which there are several


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
            facts = await self.workers.quick.run(_photo_facts, search)
            search.facts["photo"] = facts
            await self.workers.searching.run(_work, search, self, tell, keep)
            said(search, "done", {})
        except Refused as refusal:
            said(search, "failed", {"key": refusal.key, "values": refusal.values})
        except PasunchatError as error:
            said(search, "failed", {"key": "g_failed", "values": {"why": str(error)}})
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            said(search, "failed", {"key": "g_failed", "values": {"why": why}})


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


def _photo_facts(search: Search) -> dict[str, Any]:
    from pasunchat.page.asking import photo_facts

    return photo_facts(search.photo, search.model.facts, search.model.asked.result())


def _work(search: Search, runner: Runner, tell: Any, keep: Any) -> None:
    """In the thread of searches. Whoever has left is not told the rest."""
    from pasunchat.page.aftermath import Aftermath, control, let_in, survived
    from pasunchat.page.others import answers_of
    from pasunchat.page.search_job import request_of, run_search

    request = request_of(search.request, gradient=search.model.facts.gradient)
    judged = run_search(search, request, runner.limits, tell, keep)
    classifier, kept = search.model.searched(), Aftermath()
    search.aftermath = kept
    steps = (
        lambda: let_in(classifier, judged, kept, tell),
        lambda: control(classifier, judged, kept, tell),
        lambda: survived(classifier, judged, tell),
        lambda: [tell("model", each) for each in answers_of(search, runner)],
    )
    for step in steps:
        if search.ended == "left":
            return
        step()
