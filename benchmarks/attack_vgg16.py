"""Photos fooled on VGG16 with untrained weights, at 95 % on 256 levels: distances and times.

    python benchmarks/attack_vgg16.py PHOTOS.npy [--photos 5] [--device cpu] [--folder FOLDER]

The published weights are not needed: distances are of this network only, times are of any weights.
--folder makes it network V of `attacks.py` instead, its photos labelled as it classifies them.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from attack_networks import add
from torch import nn

import pasunchat
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.runtime import Runtime, set_up_runtime


def drawn(part: nn.Module) -> None:
    """He's first weights, so that activations neither vanish nor grow through sixteen layers."""
    if isinstance(part, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        nn.init.zeros_(part.bias)


def vgg16(runtime: Runtime) -> Classifier:
    """The untrained network, the same each time."""
    classifier = build("vgg16", classes=("cat", "dog"), size=224, seed=None)
    with runtime.seeded("vgg16"):
        classifier.apply(drawn)
    return classifier.to(runtime.device).eval()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("photos_file", type=Path)
    options.add_argument("--photos", type=int, default=5)
    options.add_argument("--device", default="cpu")
    options.add_argument("--folder", type=Path)
    given = options.parse_args()
    runtime = set_up_runtime(given.device)
    classifier, photos = vgg16(runtime), np.load(given.photos_file)[: given.photos]
    if given.folder:
        add(given.folder, "V", classifier.cpu(), photos)
        return
    pixels = as_pixels(photos, runtime.device)
    for attack in ("turning:effort=quick", "turning"):
        started = time.perf_counter()
        found = pasunchat.fool(classifier, pixels, attack=attack, confidence=0.95)
        seconds = time.perf_counter() - started
        sure = found.after_logits.softmax(1).amax(1)
        reached = sum(status == "reached" for status in found.status)
        print(
            f"{attack}: {reached} of {len(pixels)} at {float(sure.min()):.1%} or more; L2 median "
            f"{float(found.distance.median()):.4f}; {float(found.backwards.float().mean()):.1f} "
            f"gradients; {seconds / len(pixels):.1f} s a photo",
            flush=True,
        )


if __name__ == "__main__":
    main()
