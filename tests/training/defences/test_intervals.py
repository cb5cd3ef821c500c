"""Intervals hold whatever is tried inside the box, and are those that certificates draw."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.certificates.bounds.backward import bounds, least
from pasunchat.certificates.bounds.intervals import EXACT
from pasunchat.certificates.bounds.trace import trace
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.fast.dispatch import SWITCH
from pasunchat.errors import PasunchatError
from pasunchat.runtime import generator
from pasunchat.training.defences.intervals import worst_logits

CLASSES, SIZE, PHOTOS, TRIED = ("ape", "bat", "cat"), 32, 3, 15
NETWORKS = (
    *("linear", "dense:units=8", "simple", "simple:batch_norm=true,dropout=0.2", "tiny"),
    *("residual:width=8,depth=1,skip=0.1", "efficientnet-lite0"),
)
SHALLOW = NETWORKS[:4]


def drawn(network: str) -> Classifier:
    """An untrained classifier whose batch norms have statistics."""
    classifier = build(network, classes=CLASSES, size=SIZE, seed=1)
    for part in classifier.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            assert part.running_mean is not None and part.running_var is not None
            part.running_mean.uniform_(-0.2, 0.2, generator=generator("mean"))
            part.running_var.uniform_(0.5, 2, generator=generator("var"))
            nn.init.uniform_(part.weight, -1, 1, generator=generator("weight"))
    return classifier


def photos() -> tuple[Tensor, Tensor]:
    """Pictures of noise without black or white, and their classes."""
    noise = torch.rand(PHOTOS, 3, SIZE, SIZE, generator=generator("photos"))
    return 0.8 * noise + 0.1, torch.arange(PHOTOS) % len(CLASSES)


def possible(classifier: Classifier, radius: float) -> Tensor:
    """The worst logits of the pictures, [N, C]."""
    pixels, labels = photos()
    return worst_logits(classifier, pixels, torch.full((PHOTOS,), radius), labels)


def ahead(classifier: Classifier, pixels: Tensor, labels: Tensor) -> Tensor:
    """How far each logit is above the real class's, [N, C], in evaluation mode."""
    logits = classifier.predict_logits(pixels)
    return logits - logits.gather(1, labels[:, None])


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("radius", [0.5 / 255, 8 / 255])
def test_no_picture_of_the_box_goes_beyond(network: str, radius: float) -> None:
    classifier, (pixels, labels) = drawn(network), photos()
    most = possible(classifier.train(), radius).detach()
    slack = 1e-4 * (1 + most.abs())
    even = 2 * torch.rand(TRIED, *pixels.shape, generator=generator("inside")) - 1
    for step in torch.cat([even, even.sign()]):
        found = ahead(classifier, pixels + radius * step, labels)
        assert (found <= most + slack).all()


@pytest.mark.parametrize("network", SHALLOW)
def test_where_the_gradient_leads_does_not_either(network: str) -> None:
    classifier, (pixels, labels) = drawn(network).eval(), photos()
    radius = 4 / 255
    most = possible(classifier, radius).detach()
    for other in range(len(CLASSES)):
        inputs = pixels.clone().requires_grad_()
        logits = classifier(inputs)
        margin = logits[:, other] - logits.gather(1, labels[:, None])[:, 0]
        (slope,) = torch.autograd.grad(margin.sum(), inputs)
        found = ahead(classifier, pixels + radius * slope.sign(), labels)
        assert (found <= most + 1e-4).all()
        if network == "linear":
            assert torch.allclose(found[:, other], most[:, other], atol=1e-4)


@pytest.mark.parametrize("network", NETWORKS)
def test_without_a_radius_they_are_the_logits(network: str) -> None:
    classifier, (pixels, labels) = drawn(network), photos()
    found = possible(classifier, 0.0).detach()
    assert torch.allclose(found, ahead(classifier, pixels, labels), atol=1e-3)


@pytest.mark.parametrize("network", SHALLOW)
def test_they_are_the_intervals_of_a_certificate(network: str) -> None:
    classifier, (pixels, labels) = drawn(network).eval(), photos()
    radius = 1 / 255
    found = possible(classifier, radius).detach()
    recorded, one = trace(classifier, pixels[:1]), torch.eye(len(CLASSES), dtype=torch.float64)
    for photo, label, most in zip(pixels, labels, found, strict=True):
        known = bounds(recorded, photo[None], radius, None, EXACT)
        margins = least(known, recorded.output, one[label] - one)
        assert torch.allclose(most, -margins.float(), atol=1e-4)


def test_a_wider_box_leaves_more_possible() -> None:
    narrow, wide = (possible(drawn("simple"), radius) for radius in (1e-3, 2e-3))
    others = nn.functional.one_hot(photos()[1], len(CLASSES)) == 0
    assert (wide > narrow)[others].all()
    assert (wide[~others].abs() < 1e-5).all()


def test_gradients_go_to_all_weights_and_modes_stay() -> None:
    classifier = drawn("simple:batch_norm=true").train()
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    possible(classifier, 1e-3).square().sum().backward()  # type: ignore[no-untyped-call]
    for name, parameter in classifier.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
    assert all(part.training for part in classifier.modules())


def test_a_function_without_intervals_is_named_in_one_line() -> None:
    with pytest.raises(PasunchatError, match=r"known of sigmoid.*linf:1/255:n-fgsm") as refused:
        possible(drawn("residual:width=8,depth=1,squeeze=4"), 1e-3)
    assert "\n" not in str(refused.value)


def test_the_kernel_bounds_alike_and_no_narrower(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes what lies beyond the edges as changing too."""
    pytest.importorskip("numba", reason="the extra `fast` (numba) is not installed")
    classifier, (pixels, labels) = build("simple", classes=("cat", "dog"), size=SIZE), photos()
    radius, labels = torch.full((PHOTOS,), 1 / 255), labels.clamp_max(1)
    quick = worst_logits(classifier, pixels, radius, labels).detach()
    monkeypatch.setenv(SWITCH, "0")
    exact = worst_logits(classifier, pixels, radius, labels).detach()
    assert (quick >= exact - 1e-4).all() and not torch.equal(quick, exact)
    assert torch.allclose(quick, exact, rtol=0.05)
