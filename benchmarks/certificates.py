"""Certificates by linear bounds: how wide, how long, and whether anything contradicts them.

    python benchmarks/certificates.py radii MODEL... --data DATASET [--photos 20] [--crown 4]
    python benchmarks/certificates.py soundness MODEL... --data DATASET --record FILE [--photos 20]
    python benchmarks/certificates.py cases FOLDER

radii: on the same photos of the test split, those that a model reads rightly: the LINF radius that
CROWN-IBP proves without windows' differences (the plain relaxation, as published), with them
(`quick`), CROWN by patches (`normal`) and by contradiction (`thorough`), both on the first --crown
photos; beside the nearest change that `least-levels` finds in float. Medians in levels of 255, and
processor time a bound.

soundness: of each photo, whatever the classifier answers: what --effort proves beside the nearest
change that any attack finds in float; and pictures of the proved box: 50 drawn, 50 of its corners,
the results of every LINF attack. None may change the answer. Goes on in FILE, and sums up all that
it holds.

cases: `cases.json` of a verifiers' competition: networks, pictures, a radius and what complete
verifiers found. As `thorough` proves them: none where a counterexample exists; counts how many it
proves of those that have none, and says what the nearest margin is. One thread.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

import pasunchat
from pasunchat.attacks import ATTACKS
from pasunchat.attacks.fool import serving
from pasunchat.certificates.bounds.backward import as_it_is, bounds, least
from pasunchat.certificates.bounds.trace import trace
from pasunchat.certificates.linear_bounds import (
    CONTRADICTION,
    CROWN,
    CROWN_IBP,
    EFFORTS,
    Margins,
    Ways,
    linear_bounds,
    widest,
)
from pasunchat.classifiers.classifier import as_pixels
from pasunchat.norms import LINF

LEVELS = 255
PREPROCESSING = {"resnet_4b.onnx": "scale=0..1,mean=0.4914/0.4822/0.4465,std=0.2471/0.2435/0.2616"}
PLAIN = Ways(lambda known, value, box, _: as_it_is(known, value, box, None), least)
DRAWN = 100  # pictures drawn for a pair
TOGETHER = 16  # photos that are attacked at once
LEFT_OUT = ("portfolio", "standard", "eot-pgd")  # two are made of the others; the third is pgd here
SHORTER = {"square": "square:queries=200", "hop-skip-jump": "hop-skip-jump:queries=500"}


def spread(rows: np.ndarray, photos: int) -> np.ndarray:
    """So many rows, evenly spread; all, if there are fewer."""
    photos = min(photos, len(rows))
    return rows[np.arange(photos) * len(rows) // photos]


def right_photos(classifier: Any, data: str, photos: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels and labels of photos of the test split, evenly spread, that are read rightly."""
    dataset = pasunchat.open_dataset(data)
    rows = spread(dataset.rows("test"), photos)
    pixels = as_pixels(np.asarray(dataset.pixels[rows]))
    labels = torch.from_numpy(np.asarray(dataset.labels[rows]).astype(np.int64))
    right = classifier.predict_logits(pixels).argmax(1) == labels
    return pixels[right], labels[right]


def proved(classifier: Any, photo: torch.Tensor, label: int, ways: tuple[Ways, ...]) -> Any:
    """The widest radius in levels, and the processor time of one bound in seconds."""
    margins = Margins(trace(classifier, photo), photo, label)
    started = time.process_time()
    radius = widest(margins, ways, None) * LEVELS
    return radius, (time.process_time() - started) / margins.queries


def radii(arguments: argparse.Namespace) -> None:
    for name in arguments.models:
        classifier = pasunchat.load(name)
        pixels, labels = right_photos(classifier, arguments.data, arguments.photos)
        shown = pasunchat.fool(classifier, pixels, labels=labels, norm="linf", levels=None)
        attack = [float(each) * LEVELS for each in shown.distance]
        print(
            f"{name}: {len(pixels)} of {arguments.photos} photos right; attack {median(attack):.3f}"
        )
        for said, ways, count in (
            ("CROWN-IBP, plain", (PLAIN,), len(pixels)),
            ("CROWN-IBP, ours", (CROWN_IBP,), len(pixels)),
            ("CROWN, ours", (CROWN_IBP, CROWN), min(arguments.crown, len(pixels))),
            ("thorough", EFFORTS["thorough"], min(arguments.crown, len(pixels))),
        ):
            found = [
                proved(classifier, pixels[k : k + 1], int(labels[k]), ways) for k in range(count)
            ]
            if not found:
                continue
            ratios = [radius / attack[k] for k, (radius, _) in enumerate(found)]
            print(
                f"  {said}: median {median(r for r, _ in found):.4f} of 255 levels, "
                f"{median(ratios):.3f} of the attack's ({min(ratios):.3f} to {max(ratios):.3f}), "
                f"{len(found)} photos, {median(s for _, s in found):.2f} s a bound",
                flush=True,
            )


def soundness(arguments: argparse.Namespace) -> None:
    """Goes on where it was stopped: a pair is a line of --record."""
    record = Path(arguments.record)
    done = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    for name in arguments.models:
        classifier = pasunchat.load(name)
        dataset = pasunchat.open_dataset(arguments.data)
        known = {pair["row"] for pair in done if pair["model"] == classifier.digest()}
        rows = spread(dataset.rows(arguments.split), arguments.photos)
        rows = rows[[int(row) not in known for row in rows]]
        for first in range(0, len(rows), TOGETHER):
            some = rows[first : first + TOGETHER]
            found = pairs_of(classifier, as_pixels(np.asarray(dataset.pixels[some])), arguments)
            with record.open("a") as lines:
                for row, pair in zip(some, found, strict=True):
                    done.append({"model": classifier.digest(), "row": int(row)} | pair)
                    lines.write(json.dumps(done[-1]) + "\n")
    proved = [pair for pair in done if pair["proved"]]
    ratios = [pair["proved"] / pair["shown"] for pair in proved if pair["shown"]]
    print(
        f"{len(done)} pairs of a photo and a network, {len({p['model'] for p in done})} networks, "
        f"{len(proved)} proved; proved / shown: median {median(ratios):.3f}, "
        f"largest {max(ratios):.3f}; inside: {sum(p['drawn'] for p in done)} drawn pictures, "
        f"{sum(p['attacked'] for p in done)} of attacks; "
        f"{sum(p['contradictions'] for p in done)} contradictions",
        flush=True,
    )


def pairs_of(
    classifier: Any, photos: torch.Tensor, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """For each photo [N, 3, H, W]: what is proved, the nearest change that an attack shows, and how
    many pictures of the proved box change the answer: drawn ones, and what attacks found, near or
    within the largest of the radii, brought into the box by clipping and by scaling."""
    labels = classifier.predict_logits(photos).argmax(1)
    found = linear_bounds(classifier, photos, labels, effort=arguments.effort)
    radii = torch.tensor([each.radius for each in found], dtype=torch.float64)
    largest = float(radii.max()) or None
    attacks = [name for name in serving(LINF) if name not in LEFT_OUT]
    results = [attacked(classifier, photos, labels, name, largest) for name in attacks]
    pairs = []
    for row, (photo, label) in enumerate(zip(photos, labels.tolist(), strict=True)):
        radius = float(radii[row])
        shown = [float(r.distance[row]) for r in results if r.status[row] == "reached"]
        changes = torch.stack([result.pixels[row] for result in results]) - photo
        pair = {"proved": radius * LEVELS, "shown": min(shown) * LEVELS if shown else None}
        inside = [in_box(photo, changes, radius), drawn_in_box(photo, radius)]
        answers = classifier.predict_logits(torch.cat(inside)).argmax(1)
        contradictions = int((answers != label).sum()) + sum(each < radius for each in shown)
        pairs.append(
            pair
            | {
                "attacked": len(inside[0]) if radius else 0,
                "drawn": len(inside[1]) if radius else 0,
                "contradictions": contradictions,
            }
        )
    return pairs


def attacked(
    classifier: Any, photos: torch.Tensor, labels: torch.Tensor, attack: str, largest: float | None
) -> Any:
    """The nearest changes that an attack finds, or, of one that wants a radius, what it does within
    the largest one that is proved."""
    nearest = "nearest" in ATTACKS[attack].info.aims
    return pasunchat.fool(
        classifier, photos, labels=labels, attack=SHORTER.get(attack, attack), norm="linf",
        radius=None if nearest else largest or 1 / LEVELS, levels=None,
    )  # fmt: skip


def in_box(photo: torch.Tensor, changes: torch.Tensor, radius: float) -> torch.Tensor:
    """Pictures of the box on the way of changes [N, 3, H, W]: each clipped, and each shortened."""
    longest = changes.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
    shortened = changes * (radius / longest).clamp(max=1)
    return within_box(photo, torch.cat([changes.clamp(-radius, radius), shortened]), radius)


def drawn_in_box(photo: torch.Tensor, radius: float) -> torch.Tensor:
    """Pictures drawn in the box, and of its corners, half of each."""
    draw = torch.rand(DRAWN // 2, *photo.shape) * 2 - 1
    return within_box(photo, radius * torch.cat([draw, draw.sign()]), radius)


def within_box(photo: torch.Tensor, changes: torch.Tensor, radius: float) -> torch.Tensor:
    """Pictures within the radius, in float32 as well: rounding may leave the box by a last bit."""
    pictures = (photo + changes).clamp(0, 1)
    outside = (pictures.double() - photo.double()).abs() > radius
    return torch.where(outside, photo, pictures)


def cases(arguments: argparse.Namespace) -> None:
    folder = Path(arguments.folder)
    images = np.load(folder / "images.npy")
    counts: dict[tuple[str, str], list[int]] = {}
    for case in json.loads((folder / "cases.json").read_text()):
        network = case["network"]
        classifier = pasunchat.load(
            f"{folder / network}:{PREPROCESSING.get(network, 'scale=0..1')}"
        )
        photo = as_pixels(images[case["image"]][None])
        traced = trace(classifier, photo)
        label = int(classifier.predict_logits(photo).argmax())
        known = bounds(traced, photo, case["radius"], CONTRADICTION.tighten)
        rows = Margins(traced, photo, label).rows
        if case["reach"] is not None:
            others = [k for k in range(rows.shape[1]) if k != label]
            rows = rows[others.index(case["reach"])][None]
        margin = float(CONTRADICTION.least(known, traced.output, rows).min())
        holds = margin > 0
        print(f"{network}, image {case['image']}: {margin:.2f}, {case['known']}", flush=True)
        count = counts.setdefault((network, case["known"]), [0, 0])
        count[0] += holds
        count[1] += 1
        assert not (holds and "counterexample" in case["known"]), case
    for (network, found), (holds, of) in counts.items():
        print(f"{network}, {found}: proved {holds} of {of}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    jobs = parser.add_subparsers(required=True)
    for name, job in (("radii", radii), ("soundness", soundness)):
        with_models = jobs.add_parser(name)
        with_models.add_argument("models", nargs="+")
        with_models.add_argument("--data", required=True)
        with_models.add_argument("--photos", type=int, default=20)
        with_models.add_argument("--crown", type=int, default=4)
        with_models.add_argument("--split", default="test")
        with_models.add_argument("--record", default="soundness.jsonl")
        with_models.add_argument("--effort", default="quick")
        with_models.set_defaults(job=job)
    on_cases = jobs.add_parser("cases")
    on_cases.add_argument("folder")
    on_cases.set_defaults(job=cases)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with torch.no_grad():
        arguments.job(arguments)


if __name__ == "__main__":
    main()
