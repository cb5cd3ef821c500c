"""Networks of 3, 37 and 1,000 classes, for attacks that leave one of many classes.

    python benchmarks/attack_many_classes.py own PHOTOS.zip FOLDER [--crops 24] [--steps 300]
    python benchmarks/attack_many_classes.py imagenet PHOTOS.zip FOLDER [--photos 8] [--size 112]
    python benchmarks/attack_many_classes.py onnx NAME=MODEL IMAGES.npy FOLDER

`own`: a crop of 32 x 32 pixels, and the question from which of C photos it was cut, for a
`dense`. `imagenet`: efficientnet-lite0 with the head it was published with. `onnx`: a
network of others, with the photos it is attacked on. All join the networks of `attacks.py`'s
FOLDER, each with photos labelled as it classifies them: what is asked is how near another class is.
`ten` of attack_plan.py is a `tiny` of digits.py's digits400, on digits-rest by `attacks.py photos`.
"""

import argparse
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from attack_networks import add, enter
from numpy.typing import NDArray
from torch.nn import functional

import pasunchat
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.networks.efficientnet_lite0 import PACKAGE, WEIGHTS
from pasunchat.photos.image import decode_photo
from pasunchat.photos.sources import opened
from pasunchat.runtime import generator, set_up_runtime

CROP, BATCH, RATE = 32, 64, 2e-3
WHOLE = 160  # side of the photos that crops are cut from


@dataclass(frozen=True)
class Own:
    """A network that is trained here."""

    network: str
    classes: int


OWN = {"three": Own("dense", 3), "thirty-seven": Own("dense", 37)}


def squares(source: str, count: int, size: int) -> NDArray[np.uint8]:
    """The first photos of a folder or zip, uint8 [count, size, size, 3]."""
    with opened([source]) as listings:
        entries = [entry for listing in listings for entry in listing.entries][:count]
        return np.stack([decode_photo(entry.read()).square(size, "crop") for entry in entries])


def crops(
    photos: NDArray[np.uint8], chosen: NDArray[np.int64], draw: torch.Generator
) -> np.ndarray:
    """A crop of each chosen photo, anywhere in it, uint8 [N, CROP, CROP, 3]."""
    corners = torch.randint(0, WHOLE - CROP + 1, (len(chosen), 2), generator=draw).tolist()
    pairs = zip(chosen, corners, strict=True)
    return np.stack([photos[k, y : y + CROP, x : x + CROP] for k, (y, x) in pairs])


def trained(own: Own, photos: NDArray[np.uint8], steps: int) -> Classifier:
    """The network after `steps` batches."""
    names = tuple(f"photo {k}" for k in range(own.classes))
    classifier = build(own.network, classes=names, size=CROP).train()
    draw = generator("crops", own.classes)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps)
    for _ in range(steps):
        chosen = torch.randint(0, own.classes, (BATCH,), generator=draw)
        logits = classifier(as_pixels(crops(photos, chosen.numpy(), draw)))
        optimizer.zero_grad()
        functional.cross_entropy(logits, chosen).backward()
        optimizer.step()
        schedule.step()
    return classifier.eval()


def make_own(source: str, folder: Path, count: int, steps: int) -> None:
    """Train each network of OWN, and take crops that it has not seen and classifies correctly."""
    for name, own in OWN.items():
        photos = squares(source, own.classes, WHOLE)
        classifier = trained(own, photos, steps)
        chosen = np.arange(20 * count) % own.classes
        images = crops(photos, chosen, generator("unseen", own.classes))
        right = classifier.predict_logits(as_pixels(images)).argmax(1).numpy() == chosen
        print(f"{name}: {right.mean():.1%} of unseen crops are classified correctly", flush=True)
        add(folder, name, classifier, images[right][:count])


def imagenet(size: int) -> Classifier:
    """efficientnet-lite0 with its own 1,000 classes."""
    classifier = build(
        "efficientnet-lite0", classes=tuple(f"class {k}" for k in range(1000)), size=size
    )
    with resources.as_file(resources.files(PACKAGE) / WEIGHTS) as path:
        theirs = torch.load(path, map_location="cpu", weights_only=True)
    norm, dense = classifier.network.head.norm, classifier.network.head.dense
    with torch.no_grad():
        norm.running_var.fill_(1 - norm.eps)  # and a mean of 0: the head standardises nothing
        dense.weight.copy_(theirs["_fc.weight"])
        dense.bias.copy_(theirs["_fc.bias"])
    return classifier.eval()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = options.add_subparsers(dest="command", required=True)
    own, published, onnx = (commands.add_parser(name) for name in ("own", "imagenet", "onnx"))
    onnx.add_argument("model", metavar="NAME=MODEL")
    for command in (own, published):
        command.add_argument("source")
    onnx.add_argument("images", type=Path)
    for command in (own, published, onnx):
        command.add_argument("folder", type=Path)
    own.add_argument("--crops", type=int, default=24)
    own.add_argument("--steps", type=int, default=300)
    published.add_argument("--photos", type=int, default=8)
    published.add_argument("--size", type=int, default=112)
    given = options.parse_args()
    set_up_runtime()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.command == "own":
        make_own(given.source, given.folder, given.crops, given.steps)
    elif given.command == "imagenet":
        photos = squares(given.source, given.photos, given.size)
        add(given.folder, "imagenet", imagenet(given.size), photos)
    else:
        name, _, model = given.model.partition("=")
        classifier = pasunchat.load(model)
        enter(given.folder, name, model, classifier, np.load(given.images))


if __name__ == "__main__":
    main()
