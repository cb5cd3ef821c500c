"""`standard` on cases of network verifiers, whose answers are known: does a change exist?

    python benchmarks/attack_cases.py FOLDER --network resnet.onnx=:scale=0..1,std=0.25 ...

FOLDER holds ONNX files, `images.npy`, uint8 [N, H, W, 3], and `cases.json`: a list of {network,
image, radius, reach, leave, known}, with a LINF radius for pixels in [0, 1], the class to reach or
to leave, and what complete verifiers found ("a counterexample exists", "none exists ...",
"unknown"). Pixels are floats, on no grid. What is found counts only if onnxruntime, given the file
and the float pixels alone, agrees, and if every value keeps to the radius and to [0, 1].
--network states a file's preprocessing as MODEL of every command does; `scale=0..1` without.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor

import pasunchat
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.norms import LINF
from pasunchat.runtime import keep_pages

EXACT = 1e-6  # of the radius: what the rounding of floats may add
PLAIN = ":scale=0..1"


@dataclass(frozen=True)
class Case:
    """One line of cases.json."""

    network: str
    image: int
    radius: float
    reach: int | None
    leave: int | None
    known: str

    @property
    def kind(self) -> tuple[str, float, bool]:
        """Cases of one kind are searched together."""
        return self.network, self.radius, self.reach is not None


@dataclass(frozen=True)
class Found:
    """What came out of one case."""

    case: Case
    claimed: bool  # what `fool` says
    confirmed: bool  # what onnxruntime and the radius say of its pixels
    gradients: int
    queries: int

    @property
    def verdict(self) -> str:
        """In a word, against what is known."""
        if self.claimed and not self.confirmed:
            return "WRONG: not confirmed"
        if self.claimed:
            return "WRONG: none exists" if self.case.known.startswith("none") else "found"
        return "MISSED" if self.case.known.startswith("a counterexample") else "not found"


def confirmed(
    session: onnxruntime.InferenceSession,
    classifier: Classifier,
    photo: Tensor,
    pixels: Tensor,
    case: Case,
) -> bool:
    """Whether pixels [1, 3, H, W] meet the case, by the file's own answer."""
    change = (pixels.double() - photo.double()).abs().max()
    if not (pixels.min() >= 0 and pixels.max() <= 1 and change <= case.radius * (1 + EXACT)):
        return False
    shown = classifier.normalised(pixels).contiguous().numpy()
    outputs = session.run(None, {session.get_inputs()[0].name: shown})[0].reshape(-1)
    best = outputs.argmax()
    return bool(best == case.reach if case.leave is None else best != case.leave)


def searched(
    folder: Path, settings: dict[str, str], cases: Sequence[Case], attack: str
) -> list[Found]:
    """The cases of one kind, searched together."""
    name, radius, reach = cases[0].kind
    path = folder / name
    classifier = pasunchat.load(f"{path}{settings.get(name, PLAIN)}")
    pixels = as_pixels(np.load(folder / "images.npy")[[case.image for case in cases]])
    classes = [case.reach if reach else case.leave for case in cases]
    goal = pasunchat.Goal(torch.tensor(classes), targeted=reach)
    found = pasunchat.fool(
        classifier, pixels, goal=goal, attack=attack, norm=LINF, radius=radius, levels=None
    )
    session = onnxruntime.InferenceSession(str(path))
    claimed = [status in ("reached", "already_wrong") for status in found.status]
    return [
        Found(
            case,
            claimed[row],
            confirmed(session, classifier, pixels[[row]], found.pixels[[row]], case),
            int(found.backwards[row]),
            int(found.forwards[row]),
        )
        for row, case in enumerate(cases)
    ]


def line(found: Found) -> str:
    """One case as a line of the table."""
    case = found.case
    goal = f"leave {case.leave}" if case.reach is None else f"reach {case.reach}"
    return (
        f"| {case.network} | {case.image} | {case.radius:g} | {goal} | {case.known} "
        f"| {found.verdict} | {found.gradients:,} | {found.queries:,} |"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--network", action="append", default=[], metavar="FILE=SETTINGS")
    options.add_argument("--attack", default="standard")
    given = options.parse_args()
    keep_pages()
    torch.set_num_threads(1)
    settings = {name: value for name, _, value in (n.partition("=") for n in given.network)}
    cases = [Case(**each) for each in json.loads((given.folder / "cases.json").read_text())]
    started, verdicts = time.process_time(), Counter[str]()
    print("| network | image | radius | goal | known | ours | gradients | queries |")
    print("|---|---|---|---|---|---|---|---|")
    for _, kind in groupby(sorted(cases, key=lambda case: case.kind), lambda case: case.kind):
        for found in searched(given.folder, settings, list(kind), given.attack):
            verdicts[f"{found.case.known}: {found.verdict}"] += 1
            print(line(found), flush=True)
    for verdict, count in sorted(verdicts.items()):
        print(f"{count:4d} {verdict}")
    print(f"{time.process_time() - started:.1f} s of one core")


if __name__ == "__main__":
    main()
