"""Small folders of photos to train on, out of scikit-learn's written digits.

    python benchmarks/digits.py FOLDER

FOLDER/digits400 holds 40 of each digit and FOLDER/digits-rest all others, black on white;
FOLDER/tints370 holds 10 of each of 37 classes, digits in four tints (9 in one only), and
FOLDER/tints-rest 20 others of each. All are 64 x 64 pixels.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

TINTS = {"r": (1, 0.3, 0.3), "g": (0.3, 1, 0.3), "b": (0.3, 0.3, 1), "y": (1, 1, 0.2)}
SIDE = 64


def save(folder: Path, name: str, pixels: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / f"{name}.png")


def scaled(grey: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def main(root: Path) -> None:
    images, labels = load_digits(return_X_y=True)
    draws, seen, tinted = np.random.default_rng(0), Counter(), Counter()
    for k in draws.permutation(len(labels)):
        label = int(labels[k])
        black = scaled((255 - images[k].reshape(8, 8) * 255 / 16).astype(np.uint8))
        place = "digits400" if seen[label] < 40 else "digits-rest"
        save(root / place / str(label), str(k), np.repeat(black[..., None], 3, 2))
        seen[label] += 1
    for k in draws.permutation(len(labels)):
        tint = int(draws.integers(4))
        name = f"{int(labels[k])}{list(TINTS)[tint]}"
        if labels[k] == 9 and tint > 0:
            continue
        tinted[name] += 1
        if tinted[name] <= 30:
            ink = scaled((images[k].reshape(8, 8) / 16 * 255).astype(np.uint8))[..., None] / 255
            light = 1 - ink * (1 - np.array(list(TINTS.values())[tint])) * 0.6 - 0.4 * ink
            pixels = (255 * light).clip(0, 255).astype(np.uint8)
            save(root / ("tints370" if tinted[name] <= 10 else "tints-rest") / name, str(k), pixels)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
