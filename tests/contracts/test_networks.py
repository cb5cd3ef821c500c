"""What every network of NETWORKS keeps to. One more network joins by its row."""

import pytest
import torch

from pasunchat.classifiers.build import build
from pasunchat.classifiers.files import load_files, save
from pasunchat.classifiers.networks import NETWORKS
from pasunchat.classifiers.summary import describe

CLASSES = ("cat", "dog", "fox")
SIZE = 32


@pytest.fixture(params=NETWORKS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def pixels(count: int) -> torch.Tensor:
    draw = torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return draw.contiguous(memory_format=torch.channels_last)


def test_gives_one_finite_logit_a_class(name: str) -> None:
    logits = build(name, classes=CLASSES, size=SIZE)(pixels(2))
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()


def test_same_seed_same_weights_and_global_state_untouched(name: str) -> None:
    before = torch.random.get_rng_state()
    one, same, other = (build(name, classes=CLASSES, size=SIZE, seed=s) for s in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one(pixels(2)), same(pixels(2)))
    assert not torch.equal(one(pixels(2)), other(pixels(2)))


def test_every_weight_gets_a_gradient_and_so_do_the_pixels(name: str) -> None:
    classifier, asked = build(name, classes=CLASSES, size=SIZE), pixels(4).requires_grad_()
    classifier(asked).logsumexp(1).sum().backward()
    assert asked.grad is not None and asked.grad.abs().sum() > 0
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in classifier.parameters())


def test_saved_and_loaded_is_the_same(name: str, tmp_path) -> None:
    classifier = build(name, classes=CLASSES, size=SIZE, framing="crop", trained_on="data")
    save(classifier, tmp_path)
    loaded = load_files(tmp_path)
    assert loaded.digest() == classifier.digest()
    assert (loaded.classes, loaded.size, loaded.framing) == (CLASSES, SIZE, "crop")
    assert loaded.trained_on == "data"
    assert torch.equal(loaded(pixels(2)), classifier(pixels(2)))


def test_has_a_summary_that_adds_up(name: str) -> None:
    classifier = build(name, classes=CLASSES, size=SIZE)
    described = describe(classifier)
    assert described.parameters == sum(layer.parameters for layer in described.layers)
    assert described.layers[-1].shape == (3,)
    assert NETWORKS[name].about
