"""Certificates by votes and by masks, beside the plain loops of those who published them.

    python benchmarks/votes.py [--rounds 5] [--photos 4] [--masked 16] [--size 96]
        [--model RUN --data DATASET]

Votes: n = 1,000 and 100 to choose the class, sigma 0.25. `smoothing` is the loop of
locuslab/smoothing (core.py, `_sample_noise`), in the batches that its scripts take. "by torch" runs
the same network by torch's layers, as that program would; "by our kernel" by the kernel that
`votes` uses, so that only the loops differ. Masks: 6 x 6 windows for 2 % of the area.
`PatchCleanser` is the certification of inspire-group/PatchCleanser (pc_certification.py): every
pair of windows, one after the other, on a batch of photos. Ours ends a photo at the first pair that
fails, so how many of the photos are proved is printed too.

One core, drawn photos and an untrained network, unless a run and its dataset are named; then the
photos are of the test split, evenly spread. Photos a second, in alternating rounds; the load of the
machine is printed before and after.
"""

import json
import os
import tempfile
from collections.abc import Callable
from functools import partial
from math import ceil
from pathlib import Path

import numpy as np
from contestants import Turn, compete, parser, report, serve

SIGMA, CHOOSING, COUNTED = 0.25, 100, 1_000
AREA, WINDOWS = 0.02, 6
SWITCH = "PASUNCHAT_FAST"
INPUTS = "inputs.npz"


def inputs(folder: Path):
    """The classifier, pixels [N, 3, H, W] and labels [N] that contestants are given."""
    import torch

    import pasunchat
    from pasunchat.classifiers.classifier import as_pixels

    torch.set_num_threads(1)
    with np.load(folder / INPUTS) as kept:
        pixels, labels = as_pixels(kept["images"]), torch.from_numpy(kept["labels"])
    return pasunchat.load(folder / "model").eval(), pixels, labels


def our_votes(folder: Path) -> Turn:
    import pasunchat
    from pasunchat.certificates.votes import votes

    classifier, pixels, labels = inputs(folder)
    smoothed = pasunchat.smoothed(classifier, SIGMA)
    return lambda: len(votes(smoothed, pixels, labels))


def smoothing(folder: Path, batch_size: int, *, kernel: bool) -> Turn:
    """`Smooth.certify` of core.py, with SciPy for the bound (statsmodels there)."""
    if not kernel:
        os.environ[SWITCH] = "0"
    import torch
    from scipy.stats import beta, norm

    base_classifier, pixels, _ = inputs(folder)

    def sample_noise(x: torch.Tensor, num: int) -> np.ndarray:
        with torch.no_grad():
            counts = np.zeros(2, dtype=int)
            for _ in range(ceil(num / batch_size)):
                this_batch_size = min(batch_size, num)
                num -= this_batch_size
                batch = x.repeat((this_batch_size, 1, 1, 1))
                noise = torch.randn_like(batch) * SIGMA
                predictions = base_classifier(batch + noise).argmax(1)
                for idx in predictions.cpu().numpy():
                    counts[idx] += 1
            return counts

    def certify(x: torch.Tensor) -> float:
        chosen = sample_noise(x, CHOOSING).argmax()
        agreed = sample_noise(x, COUNTED)[chosen]
        bound = beta.ppf(0.001, agreed, COUNTED - agreed + 1)
        return SIGMA * norm.ppf(bound) if bound > 0.5 else 0.0

    return lambda: len([certify(x) for x in pixels])


def our_masks(folder: Path) -> Turn:
    import pasunchat
    from pasunchat.certificates.masks import masks

    classifier, pixels, labels = inputs(folder)
    masked = pasunchat.masked(classifier, AREA, windows=WINDOWS)
    return lambda: len(masks(masked, pixels, labels))


def patch_cleanser(folder: Path, *, kernel: bool) -> Turn:
    """Every pair of windows on the whole batch of photos; nothing ends early."""
    if not kernel:
        os.environ[SWITCH] = "0"
    import torch

    from pasunchat.classifiers.masked import BLANK, Masking, shown_beside

    model, data, labels = inputs(folder)
    mask_list = list(shown_beside(Masking(AREA, WINDOWS), *data.shape[2:]))

    def turn() -> int:
        with torch.no_grad():
            right = torch.ones(len(data), dtype=torch.bool)
            for i, mask in enumerate(mask_list):
                for mask2 in mask_list[i:]:
                    shown = torch.where(torch.logical_and(mask, mask2), data, torch.tensor(BLANK))
                    right &= model(shown).argmax(1) == labels
        return len(right)

    return turn


BY_VOTES: dict[str, Callable[[Path], Turn]] = {
    "votes": our_votes,
    "smoothing, by torch, 400": partial(smoothing, batch_size=400, kernel=False),
    "smoothing, by torch, 1000": partial(smoothing, batch_size=1000, kernel=False),
    "smoothing, by our kernel, 400": partial(smoothing, batch_size=400, kernel=True),
    "smoothing, by our kernel, 1000": partial(smoothing, batch_size=1000, kernel=True),
}
BY_MASKS: dict[str, Callable[[Path], Turn]] = {
    "masks": our_masks,
    "PatchCleanser, by torch": partial(patch_cleanser, kernel=False),
    "PatchCleanser, by our kernel": partial(patch_cleanser, kernel=True),
}
BARS = {"smoothing, by torch, 400": 2.0, "smoothing, by torch, 1000": 2.0}


def prepare(folder: Path, model: str | None, data: Path | None, photos: int, size: int) -> None:
    """Write the model, and the photos with what the model answers where it is untrained."""
    import pasunchat
    from pasunchat.classifiers.build import build
    from pasunchat.classifiers.files import save
    from pasunchat.photos.dataset import open_dataset

    if model and data:
        classifier, dataset = pasunchat.load(model), open_dataset(data)
        rows = dataset.rows("test")
        rows = rows[np.linspace(0, len(rows) - 1, photos).astype(int)]
        images, labels = dataset.pixels[rows], dataset.labels[rows]
    else:
        classifier = build("simple", classes=("cat", "dog"), size=size, seed=0).eval()
        images = np.random.default_rng(0).integers(0, 256, (photos, size, size, 3), np.uint8)
        labels = classifier.logits(images).argmax(1).numpy()
    save(classifier, folder / "model")
    np.savez(folder / INPUTS, images=images, labels=labels)


def proved(folder: Path, by: str) -> str:
    """What is proved of the photos, by votes or by masks."""
    import pasunchat
    from pasunchat.certificates.masks import masks
    from pasunchat.certificates.votes import votes

    classifier, pixels, labels = inputs(folder)
    if by == "votes":
        found = votes(pasunchat.smoothed(classifier, SIGMA), pixels, labels)
    else:
        found = masks(pasunchat.masked(classifier, AREA, windows=WINDOWS), pixels, labels)
    radii = np.array([one.radius for one in found])
    return (
        f"by {by}: proved {int((radii > 0).sum())} of {len(radii)} photos, median radius "
        f"{np.median(radii):.3g}, {np.mean([one.queries for one in found]):.0f} questions a photo"
    )


def main() -> None:
    options = parser(__doc__ or "")
    options.add_argument("--photos", type=int, default=4, help="of a round, for votes")
    options.add_argument("--masked", type=int, default=16, help="of a round, for masks")
    options.add_argument("--size", type=int, default=96)
    options.add_argument("--model", help="a run; its photos are those of --data")
    options.add_argument("--data", type=Path, help="a prepared dataset of the run's size")
    wanted = options.parse_args()
    if wanted.contestant:
        serve((BY_VOTES | BY_MASKS)[wanted.contestant], wanted.folder)
        return
    found: dict[str, list[float]] = {}
    for ours, contestants, photos in (
        ("votes", BY_VOTES, wanted.photos),
        ("masks", BY_MASKS, wanted.masked),
    ):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            prepare(folder, wanted.model, wanted.data, photos, wanted.size)
            print(f"{proved(folder, ours)}; load {os.getloadavg()[0]:.1f}\n")
            part = compete(Path(__file__), contestants, folder, wanted.rounds)
        print(report(part, ours, BARS), end="\n\n")
        found |= part
    print(f"load {os.getloadavg()[0]:.1f}")
    if wanted.json:
        wanted.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
