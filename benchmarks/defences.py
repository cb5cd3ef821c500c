"""Plain epochs, three defences of ours, the loop of fast_adversarial and two trainers of ART, side
by side.

    pip install --no-deps adversarial-robustness-toolbox==1.20.1 scikit-learn six
    python benchmarks/defences.py ZIP... --work FOLDER [--only NAME...] [--seed 0] [...]

All begin from one run of `simple` at 96 pixels and see 4,000 photos for 6 epochs. Times are
processor time of one thread, since cores may be shared. Robust accuracy is by the product's own
attacks, on the 256 levels of a file, which no training here knows of: `least-levels` on all tested
photos, and `standard`, which asks some 10,000 times about a photo that withstands, on the first.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional

import pasunchat.runtime
import pasunchat.training.defences
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.files import WEIGHTS
from pasunchat.classifiers.load import load
from pasunchat.measures.attack_model import attack_model
from pasunchat.photos.dataset import Dataset, open_dataset
from pasunchat.photos.prepare import prepare
from pasunchat.runtime import Runtime
from pasunchat.training.inputs import PixelInputs, batches
from pasunchat.training.loop import train
from pasunchat.training.recipe import DEFENDED, STRONG, Recipe

SIZE, EPOCHS = 96, 6
SPLIT = (0.2, 0.05, 0.75)  # of 20,000 photos: 4,000 to train on
RADIUS = 1 / 255
RADII = ("1/255", "2/255")
START = replace(STRONG, network="simple", epochs=30, ema=0.99, lr=3e-3)
PLAIN = replace(DEFENDED, epochs=EPOCHS, copies=0)
OURS = {
    "n-fgsm": "linf:1/255",
    "fgsm-rs": "linf:1/255:fgsm-rs",
    "pgd-2": "linf:1/255:pgd:steps=2",
}


def fast_adversarial(dataset: Dataset, recipe: Recipe, classifier: Classifier) -> None:
    """The loop of locuslab/fast_adversarial (train_fgsm.py, delta-init random): uniform noise, one
    step of 1.25 radii, clipped to the radius and to [0, 1]; cyclic rate, no growth, no kept best.
    Its SGD at 0.2 is for its own network; here it is Adam at the rate of the others."""
    inputs = PixelInputs(dataset, recipe, Runtime())
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=recipe.lr, weight_decay=5e-4)
    steps = sum(1 for _ in batches(dataset, recipe, 0)) * recipe.epochs
    schedule = torch.optim.lr_scheduler.CyclicLR(
        optimizer, 0.0, recipe.lr, step_size_up=steps / 2, cycle_momentum=False
    )
    torch.manual_seed(0)
    classifier.train()
    for epoch in range(recipe.epochs):
        for step, rows in enumerate(batches(dataset, recipe, epoch)):
            x, targets = inputs.batch(rows, epoch, step)
            y = targets.labels
            delta = torch.zeros_like(x).uniform_(-RADIUS, RADIUS)
            delta = torch.max(torch.min(delta, 1 - x), -x).requires_grad_()
            functional.cross_entropy(classifier(x + delta), y).backward()
            assert delta.grad is not None
            delta = (delta + 1.25 * RADIUS * delta.grad.sign()).clamp(-RADIUS, RADIUS).detach()
            delta = torch.max(torch.min(delta, 1 - x), -x)
            loss = functional.cross_entropy(classifier(x + delta), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    classifier.eval()


def timed(work: Callable[[], None]) -> float:
    """Processor seconds of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def measured(classifier: Classifier, dataset: Dataset, photos: dict[str, int]) -> dict[str, float]:
    """Clean and robust accuracy on the same test photos. photos: how many, by attack."""
    row = {}
    for attack, limit in photos.items():
        if not limit:
            continue
        found = attack_model(
            classifier, dataset, RADII, limit=limit, norm="linf", attack=attack, levels=256
        )
        row[f"clean of {limit}"] = found.accuracy
        for at in found.within:
            row[f"{attack} of {limit} within {255 * at.radius:.0f}/255"] = at.accuracy
    return row


def contestants(
    dataset: Dataset, start: Path, work: Path, seed: int
) -> dict[str, Callable[[], None]]:
    """What is run, by name; each leaves the run or the weights of its name in `work`."""
    begun = replace(PLAIN, start=str(start), seed=seed)
    defended = replace(DEFENDED, epochs=EPOCHS, start=str(start), seed=seed)

    def product(name: str, recipe: Recipe) -> Callable[[], None]:
        return lambda: (train(dataset, recipe, work / name, overwrite=True), None)[1]

    def peer(name: str, fit: Callable[[Classifier], None]) -> Callable[[], None]:
        def trained() -> None:
            classifier = load(str(start))
            fit(classifier)
            torch.save(classifier.network.state_dict(), work / f"{name}.pt")

        return trained

    def art(trainer: str) -> Callable[[Classifier], None]:
        def fit(classifier: Classifier) -> None:
            import defences_art

            getattr(defences_art, trainer)(dataset, begun, classifier, RADIUS)

        return fit

    return {
        "plain": product("plain", begun),
        **{name: product(name, replace(defended, defend=text)) for name, text in OURS.items()},
        "fast_adversarial": peer(
            "fast_adversarial", lambda classifier: fast_adversarial(dataset, begun, classifier)
        ),
        "art-fast": peer("art-fast", art("fast")),
        "art-pgd": peer("art-pgd", art("pgd")),
    }


def result(name: str, start: Path, work: Path) -> Classifier:
    """The classifier that a contestant left."""
    if (work / name).is_dir():
        return load(str(work / name))
    classifier = load(str(start))
    classifier.network.load_state_dict(torch.load(work / f"{name}.pt"))
    return classifier


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--tested", type=int, default=500)
    parser.add_argument("--standard", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--growth", type=float, default=pasunchat.training.defences.GROWTH,
        help="share of the steps over which our radius grows",
    )  # fmt: skip
    options = parser.parse_args()
    pasunchat.training.defences.GROWTH = options.growth
    pasunchat.runtime.cores = lambda: 1  # one thread, also where `train` asks for all
    torch.set_num_threads(1)
    data, start = options.work / "data", options.work / "start"
    if not data.is_dir():
        prepare(options.photos, data, size=SIZE, split=SPLIT)
    dataset = open_dataset(data)
    if not (start / WEIGHTS).is_file():
        train(dataset, START, start)
    photos = {"least-levels": options.tested, "standard": options.standard}
    print(json.dumps({"start": measured(load(str(start)), dataset, photos)}), flush=True)
    for name, work in contestants(dataset, start, options.work, options.seed).items():
        if options.only and name not in options.only:
            continue
        seconds = timed(work)
        found = measured(result(name, start, options.work), dataset, photos)
        print(json.dumps({name: {"processor seconds": round(seconds, 1), **found}}), flush=True)


if __name__ == "__main__":
    main()
