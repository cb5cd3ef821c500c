"""MTL-IBP: what its two parts are, and that its training makes bounds narrow."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pasunchat.certificates.certificate import Proof
from pasunchat.certificates.linear_bounds import linear_bounds
from pasunchat.classifiers.classifier import as_pixels
from pasunchat.classifiers.files import load_files
from pasunchat.norms import LINF
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Runtime
from pasunchat.training.defences.defence import DefendedBatch
from pasunchat.training.defences.fgsm_rs import FgsmRs
from pasunchat.training.defences.mtl_ibp import MtlIbp
from pasunchat.training.inputs import Targets
from pasunchat.training.loop import train
from pasunchat.training.loss import Loss
from pasunchat.training.recipe import DEFENDED, Augment

RADIUS = 4 / 255


def batch_of(run: Path, dataset: Dataset) -> DefendedBatch:
    """All training photos."""
    rows = dataset.rows("train")
    return DefendedBatch(
        classifier=load_files(run),
        runtime=Runtime(),
        loss=Loss(),
        pixels=as_pixels(dataset.pixels[rows]),
        targets=Targets(torch.from_numpy(dataset.labels[rows])),
        norm=LINF,
        radius=torch.full((len(rows),), RADIUS),
        keys=torch.arange(len(rows)),
    )


def loss(batch: DefendedBatch, share: float) -> Tensor:
    (found,) = MtlIbp(share=share).losses(batch)
    return found.detach()


def test_its_share_leads_from_the_attack_to_the_bound(plain: Path, dataset: Dataset) -> None:
    batch = batch_of(plain, dataset)
    attacked, possible = loss(batch, 0.0), loss(batch, 1.0)
    assert torch.isclose(attacked, batch.mean_loss(FgsmRs().inputs(batch)), rtol=1e-5)
    assert possible > attacked
    assert torch.isclose(loss(batch, 0.25), 0.75 * attacked + 0.25 * possible, rtol=1e-5)


def test_classes_weigh_in_both_parts(plain: Path, dataset: Dataset) -> None:
    """With a weight of 0 for one class, the photos of that class count in neither."""
    batch = batch_of(plain, dataset)
    cats = batch.targets.labels == 0
    alone = replace(
        batch,
        pixels=batch.pixels[cats],
        targets=Targets(batch.targets.labels[cats]),
        radius=batch.radius[cats],
        keys=batch.keys[cats],
    )
    weighed = replace(batch, loss=Loss(torch.tensor([2.0, 0.0])))
    assert torch.isclose(loss(weighed, 0.5), loss(alone, 0.5), rtol=1e-4)


@pytest.fixture(scope="module")
def runs(plain: Path, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Trained on by its attack alone, and with bounds."""
    recipe = replace(DEFENDED, epochs=6, batch_size=16, copies=0, augment=Augment(), lr=3e-3)
    recipe = replace(recipe, start=str(plain), mirrored=False)
    return [
        train(
            dataset,
            replace(recipe, defend=f"linf:{255 * RADIUS:g}/255:{method}"),
            tmp_path_factory.mktemp("narrow") / "run",
        ).folder
        for method in ("fgsm-rs", "mtl-ibp:share=0.1")
    ]


def test_its_training_lowers_what_is_possible(
    plain: Path, runs: list[Path], dataset: Dataset
) -> None:
    before, without, narrow = (loss(batch_of(run, dataset), 1.0) for run in (plain, *runs))
    assert narrow < 0.5 * min(before, without)


def test_more_is_proved_of_what_it_trained(runs: list[Path], dataset: Dataset) -> None:
    rows = dataset.rows("test")
    pixels, labels = as_pixels(dataset.pixels[rows]), torch.from_numpy(dataset.labels[rows])
    proved = [
        sum(
            each.proof is Proof.PROVED
            for each in linear_bounds(
                load_files(run), pixels, labels, radius=RADIUS, effort="quick"
            )
        )
        for run in runs
    ]
    assert proved[1] > proved[0]
