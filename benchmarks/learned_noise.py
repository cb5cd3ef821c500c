"""The talk's attack: ours in batches beside the same attack written plainly, photo by photo.

    python benchmarks/learned_noise.py MODEL PHOTO... [--keras FILE]

FILE: the same network as Keras has it, for one more contestant: the talk's own way, Keras's `fit`
on one photo at a time (tensorflow-cpu must be installed; benchmarks/attacks.py talk writes MODEL
from FILE). The plain one keeps memory pages and asks for no weight gradients either, uses torch's
Adam, and its result is saved to PNG and read back the same way. Compared too: confidence and L2.
"""

import json
import math
import tempfile
from pathlib import Path

import numpy as np
from contestants import Turn, compete, parser, report, serve

STEPS, PATIENCE, CONST = 1000, 10, 0.1


def ours(folder: Path) -> Turn:
    import pasunchat
    from pasunchat.runtime import set_up_runtime

    set_up_runtime()
    task = json.loads((folder / "task.json").read_text())
    classifier = pasunchat.load(task["model"])

    def turn() -> int:
        found = pasunchat.fool(classifier, task["photos"], attack="learned-noise")
        save(folder / "ours", found.pixels)
        return len(task["photos"])

    return turn


def plainly(folder: Path) -> Turn:
    import torch
    from torch.nn import functional

    import pasunchat
    from pasunchat.fooled.receipt import as_seen
    from pasunchat.runtime import set_up_runtime

    set_up_runtime()
    task = json.loads((folder / "task.json").read_text())
    classifier = pasunchat.load(task["model"]).requires_grad_(False)
    limit = math.sqrt(6 / (224 * 224 + 224 * 3))

    def fool(photo: torch.Tensor) -> torch.Tensor:
        target = classifier(photo).topk(2).indices[:, 1]
        noise = ((torch.rand_like(photo) * 2 - 1) * limit).requires_grad_()
        adam = torch.optim.Adam([noise], lr=1e-3, eps=1e-7)
        best, kept, waited = math.inf, noise, 0
        for _ in range(STEPS):
            logits = classifier((photo + noise).clamp(0, 1))
            loss = CONST * noise.square().sum() + functional.cross_entropy(logits, target)
            if loss.item() < best:
                best, kept, waited = loss.item(), noise.detach().clone(), 0
            else:
                waited += 1
                if waited >= PATIENCE:
                    break
            adam.zero_grad()
            loss.backward()
            adam.step()
        return (photo + kept).clamp(0, 1).mul(255).round().div(255)

    def turn() -> int:
        torch.manual_seed(0)
        rows = []
        for path in task["photos"]:
            image = torch.from_numpy(as_seen(classifier, Path(path)).copy())
            photo = image.permute(2, 0, 1)[None].float().div(255)
            rows.append(fool(photo.contiguous(memory_format=torch.channels_last)))
        save(folder / "plainly", torch.cat(rows))
        return len(rows)

    return turn


def by_keras(folder: Path) -> Turn:
    """The talk's slides "How?": a layer that adds noise, and fit with early stopping."""
    import keras
    import torch

    import pasunchat
    from pasunchat.fooled.receipt import as_seen

    task = json.loads((folder / "task.json").read_text())
    classifier = pasunchat.load(task["model"])
    images = [as_seen(classifier, Path(path)) for path in task["photos"]]
    targets = [int(classifier.probabilities(image[None])[0].argmin()) for image in images]
    base = keras.saving.load_model(task["keras"], compile=False)
    base.trainable = False

    class AddNoise(keras.layers.Layer):
        def build(self, shape) -> None:
            regularizer = keras.regularizers.L2(CONST)
            self.noise = self.add_weight(
                name="noise", shape=shape[1:], initializer="glorot_uniform", regularizer=regularizer
            )

        def call(self, inputs):
            return keras.ops.clip(inputs + 255 * self.noise, 0, 255)

    def fool(image: np.ndarray, target: int) -> np.ndarray:
        keras.utils.set_random_seed(0)
        seen = keras.Input(image.shape)
        layer = AddNoise()
        model = keras.Model(seen, base(layer(seen)))
        logits = base.layers[-1].activation is not keras.activations.softmax
        loss = keras.losses.CategoricalCrossentropy(from_logits=logits)
        model.compile(optimizer="adam", loss=loss)
        photo = image[None].astype(np.float32)
        stop = keras.callbacks.EarlyStopping("loss", patience=PATIENCE, restore_best_weights=True)
        wanted = np.eye(2, dtype=np.float32)[[target]]
        model.fit(photo, wanted, epochs=STEPS, callbacks=[stop], verbose=0)
        return np.clip(photo + 255 * np.asarray(layer.noise), 0, 255)

    def turn() -> int:
        found = np.concatenate([fool(*one) for one in zip(images, targets, strict=True)])
        rows = torch.from_numpy(found).permute(0, 3, 1, 2)
        save(folder / "keras", rows.round().div(255))
        return len(images)

    return turn


CONTESTANTS = {"ours": ours, "plainly": plainly, "keras": by_keras}


def save(folder: Path, pixels) -> None:
    from pasunchat.classifiers.classifier import as_images
    from pasunchat.photos.image import write_png

    for row, image in enumerate(as_images(pixels)):
        write_png(folder / f"{row}.png", image, {})


def outcome(folder: Path, name: str) -> tuple[float, float, float]:
    """Share fooled, median confidence and median L2 of the PNGs that one contestant left."""
    import pasunchat
    from pasunchat.fooled.receipt import as_seen, ask_file, distances

    task = json.loads((folder / "task.json").read_text())
    classifier = pasunchat.load(task["model"])
    fooled, confidences, sizes = [], [], []
    for row, path in enumerate(task["photos"]):
        saved = folder / name / f"{row}.png"
        before, after = ask_file(classifier, Path(path)), ask_file(classifier, saved)
        fooled.append(after.label != before.label)
        confidences.append(after.confidence)
        sizes.append(distances(as_seen(classifier, Path(path)), as_seen(classifier, saved))[0])
    return float(np.mean(fooled)), float(np.median(confidences)), float(np.median(sizes))


def main() -> None:
    options = parser(__doc__.splitlines()[0])
    options.add_argument("model", nargs="?")
    options.add_argument("photos", nargs="*")
    options.add_argument("--keras", type=Path, help="the network as Keras has it")
    given = options.parse_args()
    if given.contestant:
        serve(CONTESTANTS[given.contestant], given.folder)
        return
    if not given.photos:
        options.error("name a model and some photos")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        task = {
            "model": given.model,
            "photos": [str(Path(path).resolve()) for path in given.photos],
            "keras": str(given.keras.resolve()) if given.keras else None,
        }
        contestants = {
            name: made for name, made in CONTESTANTS.items() if name != "keras" or given.keras
        }
        (folder / "task.json").write_text(json.dumps(task))
        found = compete(Path(__file__), contestants, folder, given.rounds)
        print(report(found, "ours", {}))
        for name in contestants:
            share, confidence, size = outcome(folder, name)
            print(
                f"{name}: {share:.0%} fooled as saved, median confidence {confidence:.4f}, "
                f"median L2 {size:.4f}"
            )
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
