"""The same photos fooled on a network, and on one whose logits are larger: what a loss makes of it.

    python benchmarks/attack_saturation.py MODEL PHOTOS [--photos 16] [--picture FILE.png]
    python benchmarks/attack_saturation.py simple drawn --photos 4 --picture saturation.png

The second line makes docs/images/saturation.png. PHOTOS: a file, uint8 [N, H, W, 3], or the word
drawn, for dogs that the program draws. adv-lib's DDN takes part where it can be imported (how to
install it: attack_peers.py). Cross-entropy has no gradient where the classifier is sure; the margin
has one whatever the scale. Prints medians of L2 on 256 levels over all photos, a failure counting
as infinite, and how many results are the same bytes as those without the factor. --picture shows
the first photo that every attack in it fooled.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

import pasunchat
from pasunchat.classifiers.classifier import Classifier, as_images, as_pixels
from pasunchat.photos.drawing import draw
from pasunchat.photos.image import write_png
from pasunchat.pictures.lettering import font
from pasunchat.runtime import set_up_runtime

FACTORS = (1, 1000, 1024)
OURS = {
    "turning": "turning",
    "DDN, margin": "ddn:steps=100",
    "DDN, cross-entropy": "ddn:steps=100,loss_function=ce",
}
PEER = "adv-lib's DDN"
SHOWN = ("turning", PEER), FACTORS[:2]
LETTERS, GAP = 17, 16

# classifier, pixels, labels -> pixels on 256 levels
Attack = Callable[[Classifier, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Found:
    """What an attack found."""

    pixels: Tensor  # [N, 3, H, W], on 256 levels
    classes: Tensor  # int64 [N]: what the network predicts for them
    distance: Tensor  # [N], in L2; infinite where that is the photo's own class


class Larger(nn.Module):
    """A classifier's logits times a factor."""

    def __init__(self, classifier: Classifier, factor: float) -> None:
        super().__init__()
        self.classifier, self.factor = classifier, factor

    def forward(self, pixels: Tensor) -> Tensor:
        return self.classifier(pixels) * self.factor


def contestants() -> dict[str, Attack]:
    """Ours, and the library's where it is installed."""

    def ours(attack: str) -> Attack:
        return lambda classifier, pixels, labels: (
            pasunchat.fool(
                classifier, pixels, goal=pasunchat.Goal(labels, targeted=False), attack=attack
            ).pixels
        )

    found = {title: ours(attack) for title, attack in OURS.items()}
    if find_spec("adv_lib"):
        from attack_peers import PEERS

        theirs = PEERS["ddn-256"].attack
        found[PEER] = lambda classifier, pixels, labels: (
            theirs(classifier, pixels, labels, "100").pixels
        )
    return found


def tried(attack: Attack, classifier: Classifier, pixels: Tensor, factor: float) -> Found:
    """An attack on the network with larger logits, judged on the network itself."""
    labels = classifier.predict_logits(pixels).argmax(1)
    torch.manual_seed(0)  # which peers draw from
    found = attack(Classifier(Larger(classifier, factor)), pixels, labels).detach()
    found = found.mul(255).round().div(255)
    classes = classifier.predict_logits(found, batch=1).argmax(1)
    distance = (found - pixels).flatten(1).norm(dim=1)
    return Found(found, classes, torch.where(classes != labels, distance, torch.inf))


def row(title: str, factor: int, found: Found, first: Found) -> str:
    """A line of the table. first: what the attack found without a factor."""
    fooled = int(found.distance.isfinite().sum())
    same = int((found.pixels == first.pixels).flatten(1).all(1).sum())
    total, median = len(found.distance), float(found.distance.median())
    return f"| {title} | {factor:,} | {median:.4f} | {fooled} of {total} | {same} |"


def picture(
    classifier: Classifier, pixels: Tensor, found: Mapping[tuple[str, int], Found]
) -> Image.Image:
    """One of the photos and what was made of it, side by side, each with its caption.

    The first that every attack fooled; where there is none, the first of all."""
    fooled = torch.stack([each.distance.isfinite() for each in found.values()]).all(0)
    at = int(fooled.int().argmax())
    photo = pixels[at : at + 1]
    label = classifier.class_name(int(classifier.predict_logits(photo).argmax()))
    shown = [(photo, ("The photo", "", f"read as {label}"))]
    for (title, factor), each in found.items():
        label, distance = classifier.class_name(int(each.classes[at])), float(each.distance[at])
        caption = title, f"logits x {factor:,}", f"{label}, L2 {distance:.2f}"
        shown.append((each.pixels[at : at + 1], caption))
    return side_by_side(shown)


def side_by_side(shown: Sequence[tuple[Tensor, Sequence[str]]]) -> Image.Image:
    """Pictures [1, 3, H, W], each below the lines of its caption."""
    height, width = shown[0][0].shape[2:]
    top = round(4.5 * LETTERS)
    sheet = Image.new("RGB", (len(shown) * (width + GAP) + GAP, top + height + GAP), "white")
    draws = ImageDraw.Draw(sheet)
    for place, (pixels, caption) in enumerate(shown):
        left = GAP + place * (width + GAP)
        sheet.paste(Image.fromarray(as_images(pixels)[0]), (left, top))
        text = "\n".join(caption)
        draws.multiline_text((left, GAP // 2), text, "#222222", font(LETTERS), spacing=5)
    return sheet


def photos(source: str, count: int) -> Tensor:
    """Pixels of photos in a file, or of dogs drawn by the program."""
    if source == "drawn":
        return as_pixels(np.stack([np.asarray(draw("dog", 0, i, 224)) for i in range(count)]))
    return as_pixels(np.load(source)[:count])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("model")
    options.add_argument("source")
    options.add_argument("--photos", type=int, default=16)
    options.add_argument("--picture", type=Path)
    given = options.parse_args()
    set_up_runtime("cpu")
    classifier = pasunchat.load(given.model).requires_grad_(False)
    pixels = photos(given.source, given.photos)
    found: dict[tuple[str, int], Found] = {}
    print("| attack | logits x | median L2 | fooled | same bytes as x 1 |\n|---|---|---|---|---|")
    for title, attack in contestants().items():
        for factor in FACTORS:
            found[title, factor] = tried(attack, classifier, pixels, factor)
            print(row(title, factor, found[title, factor], found[title, 1]), flush=True)
    if given.picture:
        titles, factors = SHOWN
        shown = {key: found[key] for key in found if key[0] in titles and key[1] in factors}
        write_png(given.picture, np.asarray(picture(classifier, pixels, shown)), {})


if __name__ == "__main__":
    main()
