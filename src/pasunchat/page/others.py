"""What other networks of the page say of a photo, and of pictures made for one of them."""

from typing import TYPE_CHECKING, Any

from pasunchat.classifiers.classifier import softmax
from pasunchat.page.asking import square
from pasunchat.page.models import Model
from pasunchat.page.photos import KeptPhoto

if TYPE_CHECKING:
    from pasunchat.page.running import Runner, Tell
    from pasunchat.page.searches import Search


def answer(model: Model, photo: KeptPhoto, goal: str) -> dict[str, Any]:
    """What one says: its answer and how sure it is of that, and the probability of the goal's
    class, where it knows it by its name. To be called in the thread of quick questions."""
    classifier = model.asked.result()
    chances = softmax(classifier.logits(square(photo, model.facts.run, classifier)[None]))[0]
    names = [classifier.class_name(index) for index in range(len(chances))]
    return {
        "name": model.facts.name,
        "label": names[int(chances.argmax())],
        "p": float(chances.max()),
        "goal_p": float(chances[names.index(goal)]) if goal in names else None,
    }


def tell_answers(search: "Search", runner: "Runner", tell: "Tell") -> None:
    """Say what each says of the photo, then of the changed picture. In the thread of searches."""
    assert search.judged is not None and search.picture is not None
    goal = search.model.searched().class_name(search.judged.goal)
    for made_for, photo in ((None, search.photo), (search.model.facts.name, search.picture)):
        for model in runner.models.by_run.values():
            if model.facts.size is not None:
                found = runner.workers.quick.submit(answer, model, photo, goal).result()
                tell("model", {"made_for": made_for, **found})
