"""VGG16's frozen base run over photos, ours and Keras's; then the talk's head on kept features.

    pip install '.[benchmarks]'
    python benchmarks/features.py [--rounds 5] [--photos 128] [--head-photos 20000]

Drawn photos of 224 x 224, batch 32, on the CPU, all with the same random weights. Ours is what
`train` does before it trains a head: from memory-mapped bytes to features in the cache, which is
emptied each time. Keras's is `predict` on float arrays that are preprocessed already. How far the
features differ is printed too, as a share of the length of Keras's.

The head: 128 relu, 16 relu, 2. The time of its training does not depend on the size of the photos
whose features are kept, so those are drawn at 32 x 32, which VGG16 runs over in a fiftieth of the
time; three quarters of them are for training. The time is that of `train` without the start of
Python. Features of random weights say little, so a recipe with patience stops early: the talk's is
also run without patience, for up to thirty epochs. In all some ten minutes on two cores.
"""

import json
import os
import shutil
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from contestants import Turn, compete, parser, report, serve

BATCH, SIZE = 32, 224
BARS = {"keras": 1.8}
HEAD_SIZE, HEAD_SPLIT, HEAD_BAR = 32, (0.75, 0.125, 0.125), 30
WEIGHTS = "base.safetensors"


class Head(NamedTuple):
    """A training of the head."""

    recipe: str
    photos: int  # training photos
    epochs: int
    seconds: float  # of all epochs


def ours(folder: Path, precision: str) -> Turn:
    os.environ["PASUNCHAT_HOME"] = str(folder / f"home-{precision}")
    from pasunchat.photos.dataset import open_dataset
    from pasunchat.runtime import set_up_runtime
    from pasunchat.storage import cache_folder
    from pasunchat.training.features import features
    from pasunchat.training.recipe import Recipe
    from pasunchat.training.state import new_classifier

    dataset, runtime = open_dataset(folder / "data"), set_up_runtime("cpu", precision)
    recipe = Recipe(network=f"vgg16:weights={folder / WEIGHTS}")
    classifier = new_classifier(dataset, recipe, runtime)

    def turn() -> int:
        shutil.rmtree(cache_folder(), ignore_errors=True)
        found = features(classifier, dataset, runtime)
        np.save(folder / f"ours-{precision}.npy", found)
        return len(found)

    return turn


def keras(folder: Path, policy: str) -> Turn:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    from keras import config
    from keras.applications import vgg16

    config.set_dtype_policy(policy)
    model = vgg16.VGG16(weights=None, include_top=False, pooling="avg", input_shape=(SIZE, SIZE, 3))
    fill(model, folder / WEIGHTS)
    photos = np.load(folder / "data" / "pixels.npy")
    pixels = vgg16.preprocess_input(photos.astype(np.float32))
    name = "keras" if policy == "float32" else "keras-bf16"

    def turn() -> int:
        found = model.predict(pixels, batch_size=BATCH, verbose=0)
        np.save(folder / f"{name}.npy", found.astype(np.float32))
        return len(found)

    return turn


def fill(model: Any, weights: Path) -> None:
    """Give a Keras model our weights: its kernels are [rows, columns, inputs, outputs], the first
    one with its channels blue first."""
    from safetensors.numpy import load_file

    kept = load_file(weights)
    layers = [name.removesuffix(".weight") for name in kept if name.endswith(".weight")]
    for name in layers:
        kernel = kept[f"{name}.weight"].transpose(2, 3, 1, 0)
        if name == "block1_conv1":
            kernel = kernel[:, :, ::-1]
        model.get_layer(name).set_weights([kernel, kept[f"{name}.bias"]])


CONTESTANTS = {
    "ours-bf16": partial(ours, precision="bf16"),
    "ours-fp32": partial(ours, precision="fp32"),
    "keras": partial(keras, policy="float32"),
    "keras-bf16": partial(keras, policy="mixed_bfloat16"),
}


def make_inputs(folder: Path, photos: int) -> None:
    """Drawn photos as a dataset, and random weights of the base."""
    from attack_vgg16 import vgg16
    from safetensors.torch import save_file

    from pasunchat.photos.prepare import prepare
    from pasunchat.runtime import Runtime

    prepare([f"drawn:count={photos}"], folder / "data", size=SIZE, split=(1.0, 0.0, 0.0))
    base = vgg16(Runtime()).network.base.state_dict()
    save_file({name: value.contiguous() for name, value in base.items()}, folder / WEIGHTS)


def differences(folder: Path) -> str:
    """How far each contestant's features are from Keras's."""
    wanted = np.load(folder / "keras.npy")
    shares = {
        name: np.linalg.norm(np.load(folder / f"{name}.npy") - wanted) / np.linalg.norm(wanted)
        for name in CONTESTANTS
        if name != "keras"
    }
    return "features off keras's: " + ", ".join(f"{n} {share:.1e}" for n, share in shares.items())


def heads(folder: Path, photos: int) -> list[Head]:
    """The head trained by the talk's recipe and by the head's own, on features that are kept."""
    os.environ["PASUNCHAT_HOME"] = str(folder / "home-head")
    from pasunchat.photos.prepare import prepare
    from pasunchat.runtime import set_up_runtime
    from pasunchat.training.context import new_context
    from pasunchat.training.loop import train
    from pasunchat.training.recipe import RECIPES
    from pasunchat.training.state import new_classifier

    source = f"drawn:count={photos},size={HEAD_SIZE}"
    dataset = prepare([source], folder / "small", size=HEAD_SIZE, split=HEAD_SPLIT)
    runtime, found = set_up_runtime("cpu", "bf16"), []
    recipes = {
        "talk": RECIPES["talk"],
        "talk, up to thirty epochs": replace(RECIPES["talk"], epochs=30, patience=None),
        "head": RECIPES["head"],
    }
    for name, recipe in recipes.items():
        recipe = replace(recipe, network=f"vgg16:weights={folder / WEIGHTS}", precision="bf16")
        classifier = new_classifier(dataset, recipe, runtime)
        new_context(classifier, dataset, recipe, runtime)  # runs the base
        started = time.perf_counter()
        run = train(dataset, recipe, folder / f"run-{name}", runtime=runtime)
        seconds = time.perf_counter() - started
        found.append(Head(name, len(dataset.rows("train")), len(run.history), seconds))
    return found


def table(found: list[Head]) -> str:
    """The trainings of the head in Markdown."""
    lines = [
        "| the head by recipe | photos | epochs | seconds | an epoch | bar |",
        "|---|---|---|---|---|---|",
    ]
    for recipe, photos, epochs, seconds in found:
        times = f"{seconds:.1f} | {seconds / epochs:.2f} | under {HEAD_BAR} s"
        lines.append(f"| {recipe} | {photos:,} | {epochs} | {times} |")
    return "\n".join(lines)


def main() -> None:
    options = parser(__doc__.splitlines()[0])
    options.set_defaults(rounds=5)
    options.add_argument("--photos", type=int, default=128, help="of a round")
    options.add_argument("--head-photos", type=int, default=20_000, help="three quarters train")
    given = options.parse_args()
    if given.contestant:
        serve(CONTESTANTS[given.contestant], given.folder)
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_inputs(folder, given.photos)
        found = compete(Path(__file__), CONTESTANTS, folder, given.rounds)
        print(report(found, "ours-bf16", BARS), differences(folder), sep="\n", end="\n\n")
        trained = heads(folder, given.head_photos)
    print(table(trained))
    if given.json:
        kept = {"photos a second": found, "heads": [head._asdict() for head in trained]}
        given.json.write_text(json.dumps(kept, indent=2))


if __name__ == "__main__":
    main()
