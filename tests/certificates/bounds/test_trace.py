"""Networks written as steps say what they say when PyTorch runs them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pasunchat.certificates.bounds.trace import Convolution, Maximum, NoBounds, trace
from pasunchat.classifiers.classifier import Classifier
from pasunchat.runtime import generator


def test_the_steps_give_the_classifier_s_logits(classifier: Classifier, photo: Tensor) -> None:
    logits = trace(classifier, photo).values(photo)[-1]
    assert torch.allclose(logits.float(), classifier.predict_logits(photo), atol=1e-5)


def test_a_step_is_carried_back_by_its_transpose(classifier: Classifier, photo: Tensor) -> None:
    """a . y = back(a) . x + a . constant, whatever a and x are."""
    network = trace(classifier, photo)
    values, draw = network.values(photo), generator("weights", 0)
    for made, step in zip(values[1:], network.steps, strict=True):
        if isinstance(step, Maximum):
            continue
        taken = [values[each] for each in step.inputs]
        weights = torch.randn(3, *made.shape[1:], generator=draw, dtype=torch.float64)
        backs = step.back(weights, *taken)
        assert [back.shape[1:] for back in backs] == [each.shape[1:] for each in taken]
        found = (weights * step.constant(*taken)).flatten(1).sum(1)
        for back, each in zip(backs, taken, strict=True):
            found = found + (back * each).flatten(1).sum(1)
        assert torch.allclose(found, (weights * made).flatten(1).sum(1), atol=1e-10)


def test_relu_and_pooling_become_one_maximum_in_either_order(photo: Tensor) -> None:
    layers = nn.Conv2d(3, 2, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(50, 2)
    for order in ((0, 1, 2, 3, 4), (0, 2, 1, 3, 4)):
        network = trace(Classifier(nn.Sequential(*(layers[at] for at in order))), photo)
        maxima = [step for step in network.steps if isinstance(step, Maximum)]
        assert len(maxima) == 1 and maxima[0].zero and maxima[0].window is not None


def test_a_batch_norm_joins_the_convolution_before_it(photo: Tensor) -> None:
    layers = nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(200, 2)
    network = trace(Classifier(nn.Sequential(*layers).eval()), photo)
    at = next(i for i, step in enumerate(network.steps) if isinstance(step, Convolution))
    assert isinstance(network.steps[at + 1], Maximum)


@pytest.mark.parametrize("layer", [nn.GELU(), nn.Sigmoid(), nn.Softmax(1)])
def test_a_layer_without_bounds_is_named_and_what_to_take_instead(
    layer: nn.Module, photo: Tensor
) -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 3), layer, nn.Flatten(), nn.Linear(200, 2))
    with pytest.raises(NoBounds, match=r"no certificate by bounds.*take smoothed:MODEL"):
        trace(Classifier(network), photo)


class Odd(nn.Module):
    """A network that runs something odd before its last layer."""

    def __init__(self, odd: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.odd, self.last = odd, nn.Linear(3 * 12 * 12, 2)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.last(self.odd(pixels - 0.5).flatten(1))


def in_part(values: Tensor) -> Tensor:
    """relu of one channel, in place: what a record of operators alone does not show."""
    copy = values.clone()
    copy[:, 1].relu_()
    return copy


def by_value(values: Tensor) -> Tensor:
    return values if float(values.mean()) > 0 else -values


def at_random(values: Tensor) -> Tensor:
    return values + torch.rand_like(values)


@pytest.mark.parametrize("odd", [in_part, by_value, at_random])
def test_what_a_record_would_get_wrong_has_no_certificate(
    odd: Callable[[Tensor], Tensor], photo: Tensor
) -> None:
    with pytest.raises(NoBounds, match="no certificate by bounds"):
        trace(Classifier(Odd(odd)), photo)


def test_relu_in_place_is_followed(photo: Tensor) -> None:
    classifier = Classifier(Odd(lambda values: values.clone().relu_()))
    logits = trace(classifier, photo).values(photo)[-1]
    assert torch.allclose(logits.float(), classifier.predict_logits(photo), atol=1e-5)
