"""The talk's network trained: ours with the compiled kernel and without, Keras, plain PyTorch.

    pip install '.[fast,benchmarks]'
    python benchmarks/train.py

Batch 32, 224 x 224, Adam 1e-3, the same drawn photos for all. Every contestant gets them in the
form its own users would: Keras float arrays for `fit`, plain PyTorch float tensors in a DataLoader,
ours the memory-mapped bytes that `prepare` leaves. A round is one pass over them.
"""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
from contestants import Turn, compete, parser, report, serve

PHOTOS, BATCH, SIZE = 384, 32, 224
FAST_BARS = {"keras": 3.0, "ours": 2.3}
BARS = {"keras": 1.2, "plain-pytorch": 4.0}


def ours_fast(folder: Path) -> Turn:
    """With the extra `fast`, which the network uses without being asked."""
    from pasunchat.classifiers.fast import kernel

    assert kernel  # which cannot be imported without the extra: this would be `ours`
    return training(folder)


def ours(folder: Path) -> Turn:
    """By PyTorch's layers, as without the extra."""
    os.environ["PASUNCHAT_FAST"] = "0"
    return training(folder)


def training(folder: Path) -> Turn:
    from pasunchat.photos.dataset import open_dataset
    from pasunchat.runtime import set_up_runtime
    from pasunchat.training.context import new_context
    from pasunchat.training.inputs import batches
    from pasunchat.training.loop import take_step
    from pasunchat.training.recipe import Recipe
    from pasunchat.training.state import begin_state, new_classifier

    dataset, recipe = open_dataset(folder / "data"), Recipe(batch_size=BATCH)
    runtime = set_up_runtime()
    classifier = new_classifier(dataset, recipe, runtime)
    context = new_context(classifier, dataset, recipe, runtime)
    module = context.inputs.module(classifier)
    state = begin_state(classifier, module, recipe, folder / "run")

    def turn() -> int:
        done = 0
        for rows in batches(dataset, recipe, 0):
            take_step(state, context, rows)
            done += len(rows)
        return done

    return turn


def keras(folder: Path) -> Turn:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    from keras import Sequential, layers

    photos, labels = np.load(folder / "photos.npy"), np.load(folder / "labels.npy")
    pixels, wanted = photos.astype(np.float32), np.eye(2, dtype=np.float32)[labels]
    blocks = [
        layer
        for _ in range(3)
        for layer in (
            layers.Conv2D(16, (3, 3), padding="same", activation="relu"),
            layers.MaxPool2D(),
        )
    ]
    model = Sequential(
        [
            layers.Input((SIZE, SIZE, 3)),
            layers.Rescaling(1 / 255, -0.5),
            *blocks,
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])

    def turn() -> int:
        model.fit(pixels, wanted, batch_size=BATCH, epochs=1, verbose=0)
        return len(pixels)

    return turn


def plain_pytorch(folder: Path) -> Turn:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    photos, labels = np.load(folder / "photos.npy"), np.load(folder / "labels.npy")
    pixels = torch.from_numpy(photos).permute(0, 3, 1, 2).float().contiguous()
    loader = DataLoader(
        TensorDataset(pixels, torch.from_numpy(labels)), batch_size=BATCH, shuffle=True
    )
    blocks = [
        layer
        for channels in (3, 16, 16)
        for layer in (nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    ]
    model = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(12544, 2))
    adam, criterion = torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss()

    def turn() -> int:
        for batch, wanted in loader:
            adam.zero_grad()
            criterion(model(batch / 255 - 0.5), wanted).backward()
            adam.step()
        return len(pixels)

    return turn


CONTESTANTS = {"ours-fast": ours_fast, "ours": ours, "keras": keras, "plain-pytorch": plain_pytorch}


def make_inputs(folder: Path) -> None:
    """The same drawn photos, all for training, as a dataset and as arrays."""
    from pasunchat.photos.prepare import prepare

    total = round(PHOTOS / 0.9)
    dataset = prepare([f"drawn:count={total}"], folder / "data", split=(0.9, 0.05, 0.05))
    rows = dataset.rows("train")
    np.save(folder / "photos.npy", dataset.pixels[rows])
    np.save(folder / "labels.npy", dataset.labels[rows])


def main() -> None:
    given = parser(__doc__.splitlines()[0]).parse_args()
    if given.contestant:
        serve(CONTESTANTS[given.contestant], given.folder)
        return
    with tempfile.TemporaryDirectory() as place:
        make_inputs(Path(place))
        found = compete(Path(__file__), CONTESTANTS, Path(place), given.rounds)
    print(report(found, "ours-fast", FAST_BARS), end="\n\n")
    print(report(found, "ours", BARS))
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
