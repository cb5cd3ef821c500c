"""Searches: what is asked of one, and what is known of it."""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pasunchat.page.jobs import Job, Jobs
from pasunchat.page.models import Model
from pasunchat.page.photos import KeptPhoto

if TYPE_CHECKING:
    from pasunchat.page.aftermath import Aftermath
    from pasunchat.page.search_job import Judged


@dataclass(frozen=True)
class AttackRequest:
    """What a visitor asks for; the names are those of `pasunchat fool`."""

    photo: str
    run: str
    target: int | None = None  # a class; None: the one that comes second
    confidence: float = 0.95  # 0: any
    norm: str = "l2"
    attack: str | None = None
    effort: Literal["quick", "normal", "thorough"] = "normal"
    seed: int = 0
    survive: bool = False  # also what the ladder of `survival` does to it


@dataclass(eq=False)
class Search(Job):
    """One search, from its request to all that was found out afterwards."""

    request: AttackRequest
    photo: KeptPhoto
    model: Model
    facts: dict[str, Any] = field(default_factory=dict)  # what its events said
    judged: "Judged | None" = None
    picture: KeptPhoto | None = None  # the changed one
    aftermath: "Aftermath | None" = None
    later: dict[str, "asyncio.Task[Any]"] = field(default_factory=dict)  # asked for afterwards


Searches = Jobs[Search]


def new_search(
    owner: str, request: AttackRequest, photo: KeptPhoto, model: Model, seconds: float
) -> Search:
    """One that may be put into the queue. seconds: it may take."""
    return Search(secrets.token_urlsafe(12), owner, seconds, request, photo, model)
