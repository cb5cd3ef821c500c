"""The first photo that a run has fooled (its folder `fooled`), as the finished example."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from pasunchat.attacks.fool import Request
from pasunchat.attacks.result import AttackResult
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.fooled.fool_photos import FooledPhoto, read_fooled
from pasunchat.norms import NORMS
from pasunchat.page.asking import square
from pasunchat.page.opening import opened
from pasunchat.page.photos import SHARED, KeptPhoto
from pasunchat.page.search_job import Judged, found_facts
from pasunchat.page.searches import AttackRequest, Search

if TYPE_CHECKING:
    from pasunchat.page.models import Model
    from pasunchat.page.settings import Limits

EXAMPLE = "example"  # its id among the searches


def fooled_example(model: "Model", run: Path, limits: "Limits") -> Search | None:
    """A search that is over, with what its folder holds of it; its single tries are not on record.
    None where the run has fooled none, or with another classifier than it has now."""
    classifier = model.searched()
    kept = [each for each in read_fooled(run) if each.outcome.classifier == classifier.digest()]
    fitting = (each for each in kept if each.outcome.fooled)
    for fooled in fitting:
        photo, picture = (
            opened((fooled.folder / name).read_bytes(), name, SHARED, limits)
            for name in ("photo.png", fooled.outcome.picture)
        )
        size = classifier.size
        if (photo.width, photo.height) == (size, size) == (picture.width, picture.height):
            return _search(model, classifier, fooled, photo, picture, limits)
    return None


def _search(
    model: "Model",
    classifier: Classifier,
    fooled: FooledPhoto,
    photo: KeptPhoto,
    picture: KeptPhoto,
    limits: "Limits",
) -> Search:
    outcome, run = fooled.outcome, model.facts.run
    photo.name = Path(outcome.photo).name
    images = [square(each, run, classifier) for each in (photo, picture)]
    before, after = (classifier.logits(image[None]) for image in images)
    names = [classifier.class_name(index) for index in range(before.shape[1])]
    goal, info = names.index(outcome.goal), outcome.request
    result = AttackResult(
        photos=as_pixels(images[0][None]),
        pixels=as_pixels(images[1][None]),
        status=(outcome.status,),
        distance=torch.tensor([outcome.distance]),
        margin=torch.zeros(1),
        goal=torch.tensor([goal]),
        before_logits=before,
        after_logits=after,
        forwards=torch.tensor([outcome.queries]),
        backwards=torch.tensor([outcome.gradients]),
        request=info,
        classes=classifier.classes,
    )
    wanted = AttackRequest(
        photo=photo.id,
        run=run,
        target=goal,
        confidence=info.confidence or 0.95,
        norm=info.norm,
        attack=info.attack,
        effort=info.effort,
        seed=info.seed,
        survive=bool(outcome.required),
    )
    search = Search(EXAMPLE, SHARED, limits.search_seconds, wanted, photo, model)
    request = Request(norm=NORMS[info.norm], seed=info.seed)
    search.picture = picture
    search.judged = Judged(
        images[0], images[1], goal, int(before.argmax()), result, request, picture.data
    )
    facts = found_facts(search, after)
    search.facts = {"model": model.facts.name, "run": run, "tries": [], **facts}
    search.ended = None
    return search
