"""Proofs: up to which size no change of a photo is read otherwise, one after the other in a thread
of their own, by a copy of the network that is theirs alone: searches go on meanwhile."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pasunchat.errors import PasunchatError
from pasunchat.page.jobs import Job, Jobs, failure
from pasunchat.page.models import Model
from pasunchat.page.photos import SHARED, KeptPhoto
from pasunchat.page.refusals import Refused
from pasunchat.page.workers import Workers
from pasunchat.words import command, file_word

EFFORT, NORM = "quick", "linf"
LEVELS = 255
Tell = Callable[[str, Any], None]


@dataclass(eq=False)
class Proof(Job):
    """One photo's, for one model."""

    photo: KeptPhoto
    model: Model
    broken: bool = False  # by an error that another try may not meet

    @property
    def is_good(self) -> bool:
        """Whether it goes on, or went on to its end."""
        return self.ended is None and not self.broken


Proofs = Jobs[Proof]


def proof_of(proofs: Proofs, owner: str, photo: KeptPhoto, model: Model, seconds: float) -> Proof:
    """The one that is there or under way, else a new one, put into the queue; that of a photo that
    everybody may see is everybody's. Raises Refused where the queue is full."""
    owner = photo.owner if photo.owner == SHARED else owner
    for proof in proofs.kept.values():
        if (proof.owner, proof.photo, proof.model) == (owner, photo, model) and proof.is_good:
            return proof
    return proofs.put(Proof(secrets.token_urlsafe(12), owner, seconds, photo, model))


async def prove(workers: Workers, proof: Proof) -> None:
    """Prove as much as can be. It never raises: what goes wrong is said as the last event."""
    loop = asyncio.get_running_loop()

    def tell(name: str, data: Any) -> None:
        loop.call_soon_threadsafe(proof.log.add, name, data)

    try:
        await workers.loading.run(import_proofs)
        proof.log.add("found", await workers.proving.run(_proved, proof, tell))
        proof.log.add("done", {})
    except Exception as error:
        proof.broken = not isinstance(error, Refused)
        proof.log.add("failed", failure(error))


def import_proofs() -> None:
    """Import what records a network. In the thread that loads: two threads that import parts of
    PyTorch at once wait for each other."""
    import torch._dynamo  # noqa: F401

    import pasunchat.certificates.certify  # noqa: F401


def _proved(proof: Proof, tell: Tell) -> dict[str, Any]:
    """In the thread of proofs: what is proved of the photo as the model sees it. Raises Refused
    where this model has no certificate of this kind."""
    import torch

    from pasunchat.certificates.certify import method_for
    from pasunchat.certificates.linear_bounds import linear_bounds
    from pasunchat.certificates.watch import Watch
    from pasunchat.classifiers.classifier import as_pixels
    from pasunchat.page.asking import square
    from pasunchat.page.models import loaded

    proof.begun = time.monotonic()
    tell("begun", {})
    classifier = loaded(proof.model.facts.name)
    pixels = as_pixels(square(proof.photo, proof.model.facts.run, classifier)[None])
    answer = classifier.predict_logits(pixels).argmax(1)
    watch = Watch(
        lambda radius, bounds: tell("so_far", {"levels": LEVELS * radius, "bounds": bounds}),
        proof.is_over,
    )
    try:
        method_for(classifier, NORM)
        with torch.no_grad():
            (found,) = linear_bounds(classifier, pixels, answer, effort=EFFORT, watch=watch)
    except PasunchatError as error:
        raise Refused(422, "prv_none", {"why": str(error)}) from error
    return {
        "levels": LEVELS * found.radius,
        "label": found.label,
        "bounds": found.queries,
        "ended": proof.ended,
        "more": _more(proof, found.radius),
    }


def _more(proof: Proof, proved: float) -> str:
    """The command that may prove more. Where bounds went to their end and proved nothing, votes
    may, of another classifier around this one."""
    from pasunchat.classifiers.smoothed import Smoothing
    from pasunchat.classifiers.wrappers import name_of

    name = proof.model.facts.name
    name = name if proved or proof.ended else name_of("smoothed", name, Smoothing())
    return command("certify", name, file_word(proof.photo.name))
