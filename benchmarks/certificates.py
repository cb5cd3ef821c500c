"""Certificates by linear bounds: how wide, how long, and whether anything contradicts them.

    python benchmarks/certificates.py radii MODEL... --data DATASET [--photos 20] [--crown 4]
    python benchmarks/certificates.py soundness MODEL... --data DATASET [--photos 20]
    python benchmarks/certificates.py cases FOLDER

radii: on the same photos of the test split, those that a model reads rightly: the LINF radius that
CROWN-IBP proves without windows' differences (the plain relaxation, as published), with them
(`quick`), and CROWN by patches (`normal`, on the first --crown photos); beside the nearest change
that `least-levels` finds in float. Medians in levels of 255, and processor time a bound.

soundness: of each photo, at the proved radius: 200 random pictures of the box, 200 of its corners,
and the results of PGD, APGD and Square within it. None may change the answer.

cases: `cases.json` of a verifiers' competition: networks, pictures, a radius and what complete
verifiers found. Proves none where a counterexample exists, and counts how many it proves of those
that have none. One thread.
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
from pasunchat.certificates.bounds.backward import as_it_is, bounds, by_values, least
from pasunchat.certificates.bounds.trace import trace
from pasunchat.certificates.linear_bounds import (
    CROWN,
    CROWN_IBP,
    Margins,
    Ways,
    linear_bounds,
    widest,
)
from pasunchat.classifiers.classifier import as_pixels

LEVELS = 255
PREPROCESSING = {"resnet_4b.onnx": "scale=0..1,mean=0.4914/0.4822/0.4465,std=0.2471/0.2435/0.2616"}
PLAIN = Ways(lambda known, value, box, _: as_it_is(known, value, box, None), least)
TRIED = 200


def right_photos(classifier: Any, data: str, photos: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels and labels of photos of the test split, evenly spread, that are read rightly."""
    dataset = pasunchat.open_dataset(data)
    rows = dataset.rows("test")
    rows = rows[np.arange(photos) * len(rows) // photos]
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
    pairs = points = 0
    for name in arguments.models:
        classifier = pasunchat.load(name)
        pixels, labels = right_photos(classifier, arguments.data, arguments.photos)
        found = linear_bounds(classifier, pixels, labels, effort="quick")
        for photo, label, certificate in zip(pixels, labels, found, strict=True):
            if not certificate.radius:
                continue
            pairs += 1
            points += tried_within(classifier, photo[None], int(label), certificate.radius)
        print(f"{name}: nothing within {len(found)} proved radii", flush=True)
    print(f"{pairs} pairs of a photo and a network, {points} pictures: 0 contradictions")


def tried_within(classifier: Any, photo: torch.Tensor, label: int, radius: float) -> int:
    """How many pictures of the box were tried; raises AssertionError if one changes the answer."""
    draw = torch.rand(TRIED, *photo.shape[1:]) * 2 - 1
    tried = (photo + radius * torch.cat([draw, draw.sign()])).clamp(0, 1)
    assert bool((classifier.predict_logits(tried).argmax(1) == label).all())
    for attack in ("pgd:steps=20", "apgd", "square:queries=200"):
        shown = pasunchat.fool(
            classifier,
            photo,
            labels=[label],
            attack=attack,
            norm="linf",
            radius=radius,
            levels=None,
        )
        assert "reached" not in shown.status, (attack, radius)
        tried = torch.cat([tried, shown.pixels])
    return len(tried)


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
        known = bounds(traced, photo, case["radius"], by_values)
        rows = Margins(traced, photo, label).rows
        if case["reach"] is not None:
            others = [k for k in range(rows.shape[1]) if k != label]
            rows = rows[others.index(case["reach"])][None]
        holds = bool((least(known, traced.output, rows) > 0).all())
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
        with_models.set_defaults(job=job)
    on_cases = jobs.add_parser("cases")
    on_cases.add_argument("folder")
    on_cases.set_defaults(job=cases)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with torch.no_grad():
        arguments.job(arguments)


if __name__ == "__main__":
    main()
