"""What every network of NETWORKS keeps to. One more network joins by its row."""

from pathlib import Path

import pytest
import safetensors.torch
import torch

from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.files import load_files, save
from pasunchat.classifiers.networks import NETWORKS, vgg16
from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.classifiers.summary import describe

CLASSES = ("cat", "dog", "fox")
SIZE = 32


@pytest.fixture(scope="session")
def no_fetching(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings for those whose weights would have to be fetched: a file of drawn ones."""
    file = tmp_path_factory.mktemp("weights") / "vgg16.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        safetensors.torch.save_file(vgg16.base().state_dict(), file)
    return {"vgg16": f"vgg16:weights={file}"}


@pytest.fixture(params=NETWORKS)
def name(request: pytest.FixtureRequest, no_fetching: dict[str, str]) -> str:
    return no_fetching.get(request.param, request.param)


def pixels(count: int) -> torch.Tensor:
    draw = torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return draw.contiguous(memory_format=torch.channels_last)


def a_step_away(classifier: Classifier) -> Classifier:
    """Some weights start at zero on purpose, and behind a zero there is no gradient."""
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in filter(lambda p: p.requires_grad, classifier.parameters()):
            p += 0.01 * torch.randn(p.shape, generator=draw)
    return classifier


def test_gives_one_finite_logit_a_class(name: str) -> None:
    logits = build(name, classes=CLASSES, size=SIZE)(pixels(2))
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()


def test_same_seed_same_weights_and_global_state_untouched(name: str) -> None:
    before = torch.random.get_rng_state()
    one, same, other = (
        build(name, classes=CLASSES, size=SIZE, seed=s)(pixels(2)) for s in (0, 0, 1)
    )
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one, same)
    starts_at_zero = bool((one == 0).all())  # a regression on features has nothing to draw
    assert torch.equal(one, other) == starts_at_zero


def test_every_weight_that_is_trained_gets_a_gradient_and_so_do_the_pixels(name: str) -> None:
    classifier = a_step_away(build(name, classes=CLASSES, size=SIZE))
    asked = pixels(4).requires_grad_()
    classifier(asked).logsumexp(1).sum().backward()
    assert asked.grad is not None and asked.grad.abs().sum() > 0
    trained = [p for p in classifier.parameters() if p.requires_grad]
    assert trained
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trained)


def test_saved_and_loaded_is_the_same(name: str, tmp_path: Path) -> None:
    classifier = build(name, classes=CLASSES, size=SIZE, framing="crop", trained_on="data")
    a_step_away(classifier).eval()
    save(classifier, tmp_path)
    loaded = load_files(tmp_path)
    assert loaded.digest() == classifier.digest()
    assert (loaded.classes, loaded.size, loaded.framing) == (CLASSES, SIZE, "crop")
    assert loaded.info.trained_on == "data"
    assert torch.equal(loaded(pixels(2)), classifier(pixels(2)))


def test_has_a_summary_that_adds_up(name: str) -> None:
    classifier = build(name, classes=CLASSES, size=SIZE, seed=None)
    described = describe(classifier)
    assert described.parameters == sum(layer.parameters for layer in described.layers)
    assert described.trainable == sum(layer.trainable for layer in described.layers)
    assert described.layers[-1].shape == (3,)
    assert NETWORKS[name.partition(":")[0]].about


def test_a_base_makes_features_and_is_frozen_where_it_comes_pretrained(name: str) -> None:
    network = build(name, classes=CLASSES, size=SIZE, seed=None).network
    if not isinstance(network, BaseAndHead):
        assert not NETWORKS[name.partition(":")[0]].frozen
        return
    network.eval()
    features = network.base(pixels(2))
    assert features.shape[0] == 2 and features.ndim == 2
    assert torch.equal(network.head(features), network(pixels(2)))
    assert network.frozen == NETWORKS[name.partition(":")[0]].frozen
