"""Whatever a network ends in, softmax of what comes out is the network's own probability."""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.assemble import assemble
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.errors import PasunchatError

FACTS = Preprocessing(scale="0..1", size=4)
PIXELS = torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(1))


def network(outputs: int, *end: nn.Module) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        dense = nn.Linear(48, outputs)
        nn.init.normal_(dense.weight)
    return nn.Sequential(nn.Flatten(), dense, *end).eval()


def judged(module: nn.Module) -> tuple[Classifier, Tensor]:
    classifier = assemble(module, FACTS, "m", made_of="m")
    return classifier, classifier.predict_logits(PIXELS)


def test_logits_stay() -> None:
    module = network(3)
    assert torch.equal(judged(module)[1], module(PIXELS).detach())


def test_probabilities_become_logits_of_the_same_probabilities() -> None:
    module = network(3, nn.Softmax(1))
    assert torch.allclose(judged(module)[1].softmax(1), module(PIXELS), atol=1e-6)


def test_their_logarithms_stay() -> None:
    module = network(3, nn.LogSoftmax(1))
    assert torch.equal(judged(module)[1], module(PIXELS).detach())


@pytest.mark.parametrize("flat", [(), (nn.Flatten(0),)], ids=["[N, 1]", "[N]"])
def test_one_logit_becomes_zero_and_itself(flat: tuple[nn.Module, ...]) -> None:
    module = network(1, *flat)
    classifier, logits = judged(module)
    assert classifier.classes == ("0", "1")
    assert torch.equal(logits, torch.stack([torch.zeros(6), module(PIXELS).flatten()], 1).detach())


@pytest.mark.parametrize("flat", [(), (nn.Flatten(0),)], ids=["[N, 1]", "[N]"])
def test_one_probability_is_that_of_the_second_class(flat: tuple[nn.Module, ...]) -> None:
    module = network(1, nn.Sigmoid(), *flat)
    assert torch.allclose(judged(module)[1].softmax(1)[:, 1], module(PIXELS).flatten(), atol=1e-6)


def test_a_small_raw_logit_is_not_taken_for_a_probability() -> None:
    module = network(1)
    with torch.no_grad():
        module[1].weight.mul_(1e-3)  # type: ignore[index, union-attr, operator]
        module[1].bias.fill_(0.5)  # type: ignore[index, union-attr, operator]
    assert bool(((module(PIXELS) > 0) & (module(PIXELS) < 1)).all())
    assert torch.equal(judged(module)[1][:, 1], module(PIXELS).flatten().detach())


def test_gradients_flow_through_every_head() -> None:
    for module in (network(3, nn.Softmax(1)), network(1), network(1, nn.Sigmoid())):
        classifier, _ = judged(module)
        pixels = PIXELS.clone().requires_grad_()
        classifier(pixels)[:, 1].sum().backward()
        assert pixels.grad is not None and bool(pixels.grad.any())


@pytest.mark.parametrize(
    ("module", "named"),
    [
        (nn.Identity(), r"float32 \[1, 3, 4, 4\]"),
        (nn.Flatten(0), r"\[96\]"),
        (nn.Linear(7, 2), "cannot be run on images of 4 x 4"),
        (nn.Sequential(nn.Flatten(), nn.Threshold(9, float("nan"))), "undefined"),
    ],
)
def test_what_is_no_classifier_is_refused(module: nn.Module, named: str) -> None:
    with pytest.raises(PasunchatError, match=named):
        assemble(module, FACTS, "m", made_of="m")


def test_wrong_number_of_names() -> None:
    facts = Preprocessing(scale="0..1", size=4, classes=("cat", "dog"))
    with pytest.raises(PasunchatError, match="has 3 classes, but 2 names"):
        assemble(network(3), facts, "m", made_of="m")


class Seen(nn.Module):
    """Gives back the mean colour of what it is given."""

    def __init__(self, layout: str) -> None:
        super().__init__()
        self.over = (2, 3) if layout == "NCHW" else (1, 2)

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.mean(self.over)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize(
    ("facts", "seen"),
    [
        ({"scale": "0..1"}, (0.2, 0.4, 0.6)),
        ({"scale": "0..255"}, (51, 102, 153)),
        ({"scale": "-1..1"}, (-0.6, -0.2, 0.2)),
        ({"scale": "0..255", "channels": "BGR", "mean": (100, 110, 120)}, (53, -8, -69)),
        ({"scale": "-1..1", "mean": (0.4,), "std": (2, 1, 0.5)}, (-0.5, -0.6, -0.4)),
    ],
)
def test_the_network_sees_what_was_asked_for(
    layout: str, facts: dict[str, object], seen: tuple[float, ...]
) -> None:
    said = Preprocessing(size=4, **facts)  # type: ignore[arg-type]
    classifier = assemble(Seen(layout), said, "m", made_of="m", layout=layout, ending="unbounded")  # type: ignore[arg-type]
    pixels = torch.tensor([0.2, 0.4, 0.6]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert torch.allclose(classifier(pixels), torch.tensor([seen]).float(), atol=1e-4)


def test_the_digest_tells_apart_what_weights_do_not() -> None:
    first, second = (assemble(network(3), FACTS, "m", made_of=name) for name in ("one", "two"))
    again = assemble(network(3), FACTS, "m", made_of="one")
    assert first.digest() == again.digest() != second.digest()
