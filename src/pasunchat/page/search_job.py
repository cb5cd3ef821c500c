"""A search and its verdict, in the thread of searches.

Whatever is found is said at once, by `tell`. The search itself is the command's own
(`fooled.fool_photos.attacked`), so that the command that is printed finds the same pixels.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pasunchat.attacks import ATTACKS
from pasunchat.attacks.fool import Request, runner_up
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.attacks.watch import Watch
from pasunchat.classifiers.classifier import Classifier, as_images, as_pixels, softmax
from pasunchat.errors import PasunchatError
from pasunchat.fooled.change import change_of
from pasunchat.fooled.fool_photos import SURE as USUAL_CONFIDENCE
from pasunchat.fooled.fool_photos import FoolOptions, attacked
from pasunchat.fooled.outcome import plain, receipt_of, stem
from pasunchat.fooled.receipt import bytes_with_receipt
from pasunchat.fooled.survival import LADDER
from pasunchat.page.asking import square
from pasunchat.page.opening import opened
from pasunchat.page.photos import KeptPhoto
from pasunchat.page.refusals import Refused
from pasunchat.page.searches import AttackRequest, Search
from pasunchat.page.settings import Limits
from pasunchat.words import command, file_word

Image = NDArray[np.uint8]
Tell = Callable[[str, Any], None]
GATHER = 0.1  # seconds; tries of less are said together
NO_GRADIENT = "hop-skip-jump"  # the attack where none comes back
STATUSES: Mapping[Status, str] = {
    Status.REACHED: "reached",
    Status.NOT_REACHED: "not_reached",
    Status.NO_GRADIENT: "flat",
    Status.ALREADY_WRONG: "already",
}


@dataclass(frozen=True)
class Judged:
    """What a search found, as it is judged: written as a PNG, opened again, asked again."""

    photo: Image  # [H, W, 3], as the model sees it
    picture: Image  # the same, changed
    goal: int
    was: int
    result: AttackResult
    request: Request  # as it was searched with
    png: bytes


def request_of(wanted: AttackRequest, *, gradient: bool = True) -> Request:
    """A visitor's wishes as a search takes them. Raises Refused."""
    name = wanted.attack or (None if gradient else NO_GRADIENT)
    if name is not None and name not in ATTACKS:
        raise Refused(422, "e_request", {"why": f"attack: {name}"})
    try:
        request = Request(
            attack=name,
            norm=wanted.norm,  # type: ignore[arg-type]
            confidence=wanted.confidence or None,
            effort=wanted.effort,
            seed=wanted.seed,
        )
    except PasunchatError as error:
        raise Refused(422, "e_request", {"why": str(error)}) from error
    own = request.method.info.own_result
    return replace(request, confidence=None) if own else request


def run_search(
    search: Search, request: Request, limits: Limits, tell: Tell, keep: Callable[[KeptPhoto], None]
) -> Judged:
    """The whole of it. keep: takes the changed picture among the photos. Raises PasunchatError for
    what cannot be searched, as a network without the gradient that the attack wants."""
    classifier = search.model.searched()
    photo = square(search.photo, search.model.facts.run, classifier)
    before = classifier.logits(photo[None])
    was, goal = int(before.argmax()), search.request.target
    goal = int(runner_up(before)[0]) if goal is None else goal
    steps = getattr(request.method, "steps", None)
    tell(
        "begun",
        {
            "p": _probability(before, goal),
            "goal": goal,
            "was": was,
            "questions_about": steps if isinstance(steps, int) else None,
        },
    )
    search.begun = time.monotonic()
    heard = Tries(photo, goal, tell)
    options = FoolOptions(survive=LADDER if search.request.survive else ())
    watch = Watch(heard.hear, search.is_over)
    (found,) = attacked(classifier, [photo], torch.tensor([goal]), request, options, watch=watch)
    heard.flush()
    seconds = round(time.monotonic() - search.begun, 2)
    result = found.result
    if search.ended:  # the receipt says how long it was let search
        result = replace(result, request=replace(result.request, seconds=seconds))
    judged, picture, after = _judge(search, classifier, photo, result, request, limits)
    keep(picture)
    search.judged, search.picture = judged, picture
    tell("found", found_facts(search, after))
    return judged


class Tries:
    """Hears what is asked about and says it, gathered."""

    def __init__(self, photo: Image, goal: int, tell: Tell) -> None:
        self.photo, self.goal, self.tell = as_pixels(photo[None]), goal, tell
        self.count, self.said = 0, 0.0
        self.gathered: list[dict[str, Any]] = []

    def hear(self, problem: Problem, pixels: Tensor, logits: Tensor) -> None:
        """One query of the search."""
        chances = logits.detach().double().softmax(2).cpu()
        change = (pixels.detach().cpu() - self.photo[:, None]).flatten(2) * 255
        sizes = change.square().mean(2).sqrt()
        goal = problem.goal.to("cpu")
        for row in range(len(pixels)):
            reached = goal.rows(torch.tensor([row]).repeat(pixels.shape[1])).reached(
                logits[row].detach().cpu()
            )
            for place in range(pixels.shape[1]):
                self.count += 1
                self.gathered.append(
                    {
                        "i": self.count,
                        "p": float(chances[row, place, self.goal]),
                        "size": float(sizes[row, place]),
                        "reached": bool(reached[place]),
                        "label": int(chances[row, place].argmax()),
                    }
                )
        if time.monotonic() > self.said + GATHER:
            self.flush()

    def flush(self) -> None:
        """Say what has been gathered."""
        if self.gathered:
            self.tell("tries", self.gathered)
        self.gathered, self.said = [], time.monotonic()


def _judge(
    search: Search,
    classifier: Classifier,
    photo: Image,
    result: AttackResult,
    request: Request,
    limits: Limits,
) -> tuple[Judged, KeptPhoto, Tensor]:
    """The picture written as a PNG, opened again, and asked again: its logits [1, C]."""
    receipt = receipt_of(
        classifier, result, 0, photo, as_images(result.pixels[:1])[0],
        goal=int(result.goal[0]), digest=classifier.digest(), decode=classifier.decode,
    )  # fmt: skip
    png = bytes_with_receipt(as_images(result.pixels[:1])[0], receipt)
    reached = result.status[0] is Status.REACHED
    name = f"{stem(search.photo.name)}.{'' if reached else 'closest-to-'}{plain(receipt.goal)}.png"
    kept = opened(png, name, search.owner, limits)
    picture = square(kept, search.model.facts.run, classifier)
    was, goal = int(result.before[0]), int(result.goal[0])
    judged = Judged(photo, picture, goal, was, result, request, png)
    return judged, kept, classifier.logits(picture[None])


def found_facts(search: Search, after: Tensor) -> dict[str, Any]:
    """What is said of what a search found. after: logits of the picture as its file has it, [1,
    C]."""
    judged, picture = search.judged, search.picture
    assert judged is not None and picture is not None
    result = judged.result
    reached = result.status[0] is Status.REACHED
    return {
        "status": search.ended or STATUSES[result.status[0]],
        "fooled": reached and int(after.argmax()) == judged.goal,
        "picture": picture.id,
        "was": judged.was,
        "goal": judged.goal,
        "logits": {"photo": result.before_logits[0].tolist(), "changed": after[0].tolist()},
        "probabilities": {
            "photo": softmax(result.before_logits)[0].tolist(),
            "changed": softmax(after)[0].tolist(),
        },
        "change": change_facts(judged.photo, judged.picture),
        "questions": int(result.forwards[0]),
        "seconds_limit": search.seconds,
        "seed": result.request.seed,
        "command": command_of(search, result.class_name(judged.goal), result),
        "request": _plain(search.request, result),
    }


def change_facts(photo: Image, picture: Image) -> dict[str, Any]:
    """How far the values moved, in levels of 255."""
    change = change_of(photo, picture)
    return {
        "max": change.largest,
        "values": change.values,
        "pixels": change.pixels,
        "still": change.still,
        "total": change.total,
        "typical": change.typical,
        "l2": change.l2,
        "counts": list(change.counts),
    }


def command_of(search: Search, goal: str, result: AttackResult) -> str:
    """The command line that does the same; of a search that was ended, for as long."""
    wanted, name = search.request, search.photo.name
    words = [file_word(name)]
    words += ["--model", search.model.facts.name, "--as", goal]
    words += ["--norm", wanted.norm] if wanted.norm != "l2" else []
    usual = result.request.attack == Request(norm=wanted.norm).name  # type: ignore[arg-type]
    words += [] if usual else ["--attack", result.request.attack]
    sure = result.request.confidence if wanted.confidence else 0
    words += [] if sure in (None, USUAL_CONFIDENCE) else ["--confidence", f"{sure:g}"]
    words += ["--effort", wanted.effort] if wanted.effort != "normal" else []
    words += ["--seed", str(wanted.seed)] if wanted.seed else []
    words += ["--survive", ",".join(each.word for each in LADDER)] if wanted.survive else []
    seconds = result.request.seconds
    words += [] if seconds is None else ["--seconds", f"{seconds:g}"]
    return command("fool", *words)


def _plain(wanted: AttackRequest, result: AttackResult) -> dict[str, Any]:
    return {
        "photo": wanted.photo,
        "run": wanted.run,
        "target": int(result.goal[0]),
        "confidence": wanted.confidence,
        "norm": wanted.norm,
        "attack": result.request.attack,
        "effort": wanted.effort,
        "seed": wanted.seed,
        "survive": wanted.survive,
    }


def _probability(logits: Tensor, index: int) -> float:
    return float(softmax(logits)[0, index])
