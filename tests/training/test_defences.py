"""What holds for every defence: what it trains on, what it leaves alone, and that it repeats."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import isclose

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.files import load_files
from pasunchat.errors import PasunchatError
from pasunchat.norms import NORMS, normalize
from pasunchat.photos.dataset import Dataset
from pasunchat.runtime import Runtime
from pasunchat.training.defences import DEFENCES, Defending, defending
from pasunchat.training.defences.defence import DefendedBatch
from pasunchat.training.defences.n_fgsm import NFgsm
from pasunchat.training.defences.trades import Trades
from pasunchat.training.inputs import Targets
from pasunchat.training.loss import Loss

RADIUS = {"linf": 4 / 255, "l2": 0.3, "noise": 0.1}
CASES = [(name, against) for name, row in DEFENCES.items() for against in row.info.against]
ATTACKS = [case for case in CASES if case[1] != "noise"]
PHOTOS = 8


@pytest.fixture(scope="module")
def trained(plain: object) -> Classifier:
    return load_files(plain)  # type: ignore[arg-type]


def batch_of(
    classifier: Classifier, dataset: Dataset, against: str, first_key: int = 0
) -> DefendedBatch:
    """A few training photos, half of them cats."""
    rows = dataset.rows("train")
    rows = torch.from_numpy(rows)[:: len(rows) // PHOTOS][:PHOTOS].numpy()
    return DefendedBatch(
        classifier=classifier.train(),
        runtime=Runtime(),
        loss=Loss(),
        pixels=as_pixels(dataset.pixels[rows]),
        targets=Targets(torch.from_numpy(dataset.labels[rows])),
        norm=NORMS.get(against, NORMS["l2"]),
        radius=torch.full((PHOTOS,), RADIUS[against]),
        keys=torch.arange(first_key, first_key + PHOTOS),
    )


def shown(classifier: Classifier, losses: Iterator[Tensor]) -> list[Tensor]:
    """The pixels that the steps learn from, each loss gone back through as the loop does."""
    seen: list[Tensor] = []
    hook = classifier.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    for loss in losses:
        loss.backward()  # type: ignore[no-untyped-call]
    hook.remove()
    classifier.zero_grad()
    return seen


@pytest.mark.parametrize("name", DEFENCES)
def test_every_row_says_what_it_is_for(name: str) -> None:
    info = DEFENCES[name].info
    assert all((info.about, info.when, info.cost, info.against))
    assert "arXiv:" in info.paper


@pytest.mark.parametrize(("name", "against"), CASES)
def test_what_is_trained_on_lies_where_the_row_says(
    trained: Classifier, dataset: Dataset, name: str, against: str
) -> None:
    batch, info = batch_of(trained, dataset, against), DEFENCES[name].info
    seen = shown(trained, DEFENCES[name].losses(batch))
    lengths = [batch.norm.measure(pixels - batch.pixels) for pixels in seen]
    inside = all((length <= batch.radius * (1 + 1e-4)).all() for length in lengths)
    in_range = all(pixels.min() >= 0 and pixels.max() <= 1 for pixels in seen)
    assert (inside, in_range) == (info.inside, info.in_range)


def test_n_fgsm_reaches_three_radii_and_no_farther(trained: Classifier, dataset: Dataset) -> None:
    """Its paper does not clip to the radius: noise of two radii, and a step of one."""
    batch = batch_of(trained, dataset, "linf")
    length = batch.norm.measure(NFgsm().inputs(batch) - batch.pixels)
    assert (length > 2.5 * batch.radius).all() and (length <= 3.001 * batch.radius).all()


@pytest.mark.parametrize(("name", "against"), ATTACKS)
def test_what_it_ends_with_is_harder_than_the_photos(
    trained: Classifier, dataset: Dataset, name: str, against: str
) -> None:
    batch = batch_of(trained, dataset, against)
    found = shown(trained, DEFENCES[name].losses(batch))[-1]
    trained.eval()
    with torch.no_grad():
        clean, attacked = batch.mean_loss(batch.pixels), batch.mean_loss(found)
    assert attacked > clean


@pytest.mark.parametrize(("name", "against"), CASES)
def test_draws_are_a_function_of_the_keys(
    trained: Classifier, dataset: Dataset, name: str, against: str
) -> None:
    def last(first_key: int) -> Tensor:
        batch = batch_of(trained, dataset, against, first_key)
        return shown(trained, DEFENCES[name].losses(batch))[-1]

    state = torch.random.get_rng_state()
    one, same, other = last(0), last(0), last(100)
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(one, same) and not torch.equal(one, other)


@pytest.mark.parametrize("network", ["simple", "simple:batch_norm=true", "tiny", "residual"])
def test_the_inner_pass_changes_nothing_of_the_network(dataset: Dataset, network: str) -> None:
    classifier = build(network, classes=dataset.classes, size=16, mirrored=True)
    next(classifier.parameters()).requires_grad_(False)
    batch = batch_of(classifier, dataset, "linf")
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    wanted = [parameter.requires_grad for parameter in classifier.parameters()]
    gradient = batch.gradient(batch.pixels)
    batch.steady_logits(batch.pixels)
    assert gradient.abs().amax((1, 2, 3)).min() > 0
    for name, value in classifier.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(parameter.grad is None for parameter in classifier.parameters())
    assert [parameter.requires_grad for parameter in classifier.parameters()] == wanted
    assert all(part.training for part in classifier.modules())


@pytest.mark.parametrize(
    ("name", "passes"), [("n-fgsm", 1), ("pgd", 1), ("trades", 2), ("mtl-ibp", 1)]
)
def test_a_batch_norm_follows_only_what_is_learnt_from(
    dataset: Dataset, name: str, passes: int
) -> None:
    classifier = build("simple:batch_norm=true", classes=dataset.classes, size=16)
    shown(classifier, DEFENCES[name].losses(batch_of(classifier, dataset, "linf")))
    counts = [part for part in classifier.modules() if isinstance(part, nn.BatchNorm2d)]
    assert counts
    assert all(int(part.num_batches_tracked or 0) == passes for part in counts)


def test_a_photo_read_for_certain_has_a_gradient(trained: Classifier, dataset: Dataset) -> None:
    """In float32 a photo whose logits are 300 apart would have none."""
    batch = batch_of(trained, dataset, "linf")
    last = trained.network[-1]
    assert isinstance(last, nn.Linear)
    kept = {name: value.clone() for name, value in last.state_dict().items()}
    with torch.no_grad():
        margins = batch.steady_logits(batch.pixels).diff(dim=1).abs()
        for parameter in last.parameters():
            parameter.mul_(300 / margins.max())
    found = batch.gradient(batch.pixels)
    last.load_state_dict(kept)
    assert (found.abs().amax((1, 2, 3)) > 0).all()


def test_the_gradient_is_the_cross_entropys_up_to_a_factor(dataset: Dataset) -> None:
    classes = ("ape", "bat", "cat")
    classifier = build("simple", classes=classes, size=16, seed=3)
    batch = batch_of(classifier, dataset, "linf")
    pixels = batch.pixels.clone().requires_grad_()
    loss = functional.cross_entropy(classifier(pixels), batch.targets.labels, reduction="sum")
    wanted = torch.autograd.grad(loss, pixels)[0]
    found = batch.gradient(batch.pixels)
    assert torch.allclose(normalize(found), normalize(wanted), atol=1e-5)


def test_trades_weighs_each_photos_divergence_by_its_class(
    trained: Classifier, dataset: Dataset
) -> None:
    """With a weight of 0 for one class, the photos of that class count in neither part."""
    batch = replace(batch_of(trained, dataset, "linf"), loss=Loss(torch.tensor([2.0, 0.0])))
    cats = batch.targets.labels == 0
    alone = replace(
        batch,
        loss=Loss(),
        pixels=batch.pixels[cats],
        targets=Targets(batch.targets.labels[cats]),
        radius=batch.radius[cats],
        keys=batch.keys[cats],
    )
    both, of_cats = (next(Trades().losses(each)).item() for each in (batch, alone))
    assert isclose(both, of_cats, rel_tol=1e-4)


def test_free_moves_the_noise_by_the_gradient_of_its_own_step(
    trained: Classifier, dataset: Dataset
) -> None:
    seen = shown(trained, DEFENCES["free"].losses(batch_of(trained, dataset, "linf")))
    assert len(seen) == 4
    assert all(not torch.equal(one, other) for one, other in pairwise(seen))


@pytest.mark.parametrize(
    ("text", "against", "radius", "method"),
    [
        ("linf:1/255", "linf", 1 / 255, DEFENCES["n-fgsm"]),
        ("l2:0.5", "l2", 0.5, DEFENCES["n-fgsm"]),
        ("noise:0.25", "noise", 0.25, DEFENCES["noise"]),
        ("linf:2/255:pgd:steps=3", "linf", 2 / 255, replace(DEFENCES["pgd"], steps=3)),  # type: ignore[type-var]
    ],
)
def test_what_is_asked_for_is_understood(
    text: str, against: str, radius: float, method: object
) -> None:
    found = defending(text)
    assert (found.against, found.radius, found.method) == (against, radius, method)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("linf", "expected linf:RADIUS"),
        ("1/255", "expected linf:RADIUS"),
        ("auto", "expected linf:RADIUS"),
        ("linf:0", "above 0"),
        ("linf:many", "expected a number"),
        ("linf:1/255:magic", 'unknown defence "magic"'),
        ("linf:1/255:noise", "serves noise, not linf"),
        ("noise:0.25:pgd", "serves linf, l2, not noise"),
        ("linf:1/255:pgd:steps=0", "steps: expected 1 or more"),
        ("linf:1/255:mtl-ibp:share=2", "share: expected 1 or less"),
        ("l2:0.5:mtl-ibp", "serves linf, not l2"),
        ("linf:1/255:pgd:step=2", 'no setting "step"'),
    ],
)
def test_anything_else_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(PasunchatError, match=said) as refused:
        defending(text)
    assert "\n" not in str(refused.value)


def test_the_radius_grows_over_the_first_half_and_stays() -> None:
    plan = Defending("linf", 0.1, NFgsm())
    found = [plan.radius_at(step, 10) for step in range(10)]
    assert found == pytest.approx([0.02, 0.04, 0.06, 0.08, *[0.1] * 6])
