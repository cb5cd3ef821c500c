"""What the report says of a run's data, network and training, and of how it was run."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.summary import Summary
from pasunchat.photos import dataset
from pasunchat.photos.dataset import DatasetFacts
from pasunchat.photos.splitting import SPLITS
from pasunchat.reports.curves import TITLES, curves
from pasunchat.reports.parts import Picture, Table, embedded_figure
from pasunchat.storage import read_json
from pasunchat.training.run import TIMING, Run
from pasunchat.words import count, duration, listed

DRAWN = "drawn"


def data_counts(run: Run) -> Table:
    """Photos of each class on each side of the split."""
    counts = run.info.data.counts
    numbers = {name: [sides[split] for split in SPLITS] for name, sides in counts.items()}
    columns = zip(*numbers.values(), strict=True)
    numbers["all"] = [sum(column) for column in columns]
    return Table(
        headings=("class", *SPLITS, "all"),
        rows=tuple(
            (name, *(count(number) for number in row), count(sum(row)))
            for name, row in numbers.items()
        ),
        summed=True,
    )


def data_sentences(run: Run) -> list[str]:
    """Where the photos come from, and what was skipped on the way."""
    origin = run.info.data
    facts = _dataset_facts(run)
    sentences = [
        "The pictures are drawn by the program itself, from a seed: no photo was taken."
        if all(source.partition(":")[0] == DRAWN for source in origin.sources)
        else f"The photos come from {listed(list(origin.sources))}."
    ]
    if facts is None:
        return [
            *sentences,
            f"The dataset is no longer at {origin.path}, where it lists what was skipped.",
        ]
    return [*sentences, _prepared(facts), _skipped(facts)]


def _dataset_facts(run: Run) -> DatasetFacts | None:
    path = Path(run.info.data.path) / dataset.FACTS
    if not path.is_file():
        return None
    facts = read_json(path, DatasetFacts)
    return facts if facts.digest == run.info.data.digest else None


FRAMED = {
    "pad": "scaled to fit, its edge pixels repeated around it",
    "crop": "scaled to cover, its middle kept",
    "squash": "stretched to fit",
}


def _prepared(facts: DatasetFacts) -> str:
    return f"Each became {facts.size} x {facts.size} pixels, {FRAMED[facts.framing]}."


def _skipped(facts: DatasetFacts) -> str:
    skipped = [f"{count(number)} {reason}" for reason, number in facts.counts.skipped.items()]
    if not skipped:
        return "No file was skipped."
    return f"Files skipped: {listed(skipped)}; each is named in skipped.csv beside the dataset."


def network_layers(summary: Summary) -> Table:
    """Layer by layer, as `pasunchat summary` prints it."""
    rows = [
        (
            layer.kind if layer.name in ("", layer.kind) else f"{layer.name} ({layer.kind})",
            " x ".join(map(count, layer.shape)),
            count(layer.parameters),
            count(layer.multiply_adds),
            " x ".join(map(str, layer.seen)),
        )
        for layer in summary.layers
    ]
    sums = ("all", "", count(summary.parameters), count(summary.multiply_adds), "")
    return Table(
        headings=("layer", "output", "parameters", "multiply-adds", "input pixels per unit"),
        rows=(*rows, sums),
        summed=True,
    )


def network_sentence(summary: Summary) -> str:
    """What goes in, what comes out, and how much is tuned."""
    return (
        f"{count(summary.size**2 * 3)} numbers go in, {summary.size} x {summary.size} pixels of "
        f"red, green and blue; {count(len(summary.classes))} come out, one a class; in between, "
        f"{count(summary.trainable)} are tuned by training."
    )


def curves_pictures(run: Run) -> tuple[Picture, ...]:
    """Loss and accuracy, epoch by epoch; none where no epoch is done."""
    if not run.history:
        return ()
    return tuple(
        embedded_figure(
            partial(curves, run, (what,)),
            f"Curves: {what} of training and validation photos, epoch by epoch",
        )
        for what in TITLES
    )


def run_settings(run: Run) -> Table:
    """Every setting of the recipe."""
    rows = tuple(
        (name.replace("_", " "), "none" if value is None else str(value))
        for name, value in asdict(run.recipe).items()
    )
    return Table(("setting", "value"), rows)


def run_origins(run: Run, classifier: Classifier | None) -> Table:
    """Versions, machine and digests."""
    facts = run.info
    threads = count(facts.threads, "thread")
    rows = [
        *facts.versions.items(),
        ("device", f"{facts.device}, {threads}"),
        ("dataset", f"{facts.data.path}, SHA-256 {facts.data.digest}"),
    ]
    if classifier is not None:
        rows.append(("classifier", f"SHA-256 {classifier.digest()}"))
    return Table(("what", "which"), tuple(rows))


def run_times(run: Run) -> str | None:
    """How long training took; the only words of the report that a second training changes."""
    path = run.folder / TIMING
    if not path.is_file():
        return None
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    seconds = [row["seconds"] for row in rows if "epoch" in row]
    if not seconds:
        return None
    total, each = duration(sum(seconds)), duration(sum(seconds) / len(seconds))
    return f"Training took {total} for {count(len(seconds), 'epoch')}, {each} each on average."
