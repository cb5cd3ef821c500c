"""Whatever a network ends in, softmax of what comes out is the network's own probability."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pasunchat.classifiers.adapter import PLAIN_ADAPTER
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.assemble import assemble
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.errors import PasunchatError, PasunchatWarning

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


class Ending(nn.Module):
    """A network, and a function of what it gives."""

    def __init__(self, module: nn.Module, end: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.module, self.end = module, end

    def forward(self, pixels: Tensor) -> Tensor:
        return self.end(self.module(pixels))


SOFTMAX: dict[str, Callable[[Tensor], Tensor]] = {
    "module": nn.Softmax(1),
    "module without a dimension": nn.Softmax(-1),
    "function": lambda z: nn.functional.softmax(z, dim=1),
    "method": lambda z: z.softmax(-1),
    "keyword": lambda z: torch.softmax(input=z, dim=1),
    "of maps": lambda z: z[:, :, None, None].softmax(1).flatten(1),
    "clamped": lambda z: z.softmax(1).clamp(1e-7, 1 - 1e-7),
}
SIGMOID: dict[str, Callable[[Tensor], Tensor]] = {
    "module": nn.Sigmoid(),
    "function": torch.sigmoid,
    "squeezed": lambda z: z.sigmoid().squeeze(1),
    "first column": lambda z: z.sigmoid()[:, 0],
    "log": nn.LogSigmoid(),
}


@pytest.mark.parametrize("name", SOFTMAX)
def test_what_goes_into_a_softmax_is_taken(name: str) -> None:
    module = network(3)
    classifier = Classifier(Ending(module, SOFTMAX[name]))
    assert torch.equal(classifier.predict_logits(PIXELS), module(PIXELS).detach())


@pytest.mark.parametrize("name", SIGMOID)
def test_what_goes_into_a_sigmoid_is_taken(name: str) -> None:
    module = network(1)
    classifier = Classifier(Ending(module, SIGMOID[name]))
    assert torch.equal(classifier.predict_logits(PIXELS)[:, 1], module(PIXELS).flatten().detach())


def test_one_tanh_is_a_sigmoid_of_twice() -> None:
    module = network(1)
    found = Classifier(Ending(module, torch.tanh)).predict_logits(PIXELS).softmax(1)[:, 1]
    assert torch.allclose(found, (1 + module(PIXELS).tanh().flatten()) / 2, atol=1e-6)


def test_one_logit_is_of_two_classes_in_a_classifier_of_any_module() -> None:
    module = network(1)
    found = Classifier(module).predict_logits(PIXELS)
    assert found.tolist() == torch.stack([torch.zeros(6), module(PIXELS).flatten()], 1).tolist()


@pytest.mark.parametrize("end", [nn.Softmax(1), nn.Sigmoid()], ids=["softmax", "sigmoid"])
def test_saturation_takes_no_gradient_away(end: nn.Module) -> None:
    outputs = 1 if isinstance(end, nn.Sigmoid) else 3
    steep = Ending(network(outputs), lambda z: end(1e4 * z))
    assert bool(((steep(PIXELS) == 0) | (steep(PIXELS) == 1)).all())
    pixels = PIXELS.clone().requires_grad_()
    Classifier(steep)(pixels).diff(dim=1).sum().backward()
    assert pixels.grad is not None and bool(pixels.grad.flatten(1).any(1).all())


def programs() -> dict[str, Callable[[nn.Module], nn.Module]]:
    rows = torch.export.Dim("rows", min=1)
    return {
        "pt2": lambda module: torch.export.export(
            module, (PIXELS,), dynamic_shapes=({0: rows},)
        ).module(),
        "torchscript": lambda module: torch.jit.trace(module, PIXELS),  # type: ignore[no-untyped-call, no-any-return]
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*gives probabilities")
@pytest.mark.parametrize("kind", ["pt2", "torchscript"])
@pytest.mark.parametrize("end", [nn.Identity(), nn.Softmax(1), nn.Sigmoid()], ids=repr)
def test_programs_end_as_modules_do(kind: str, end: nn.Module) -> None:
    module = network(1 if isinstance(end, nn.Sigmoid) else 3)
    program = programs()[kind](nn.Sequential(module, end))
    found = assemble(Mode(program), FACTS, "m", made_of="m").predict_logits(PIXELS)
    expected = Classifier(module).predict_logits(PIXELS)
    assert torch.allclose(found.softmax(1), expected.softmax(1), atol=1e-6)


class Mode(nn.Module):
    """A program, which has no mode to change."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = [program]

    def forward(self, pixels: Tensor) -> Tensor:
        return self.program[0](pixels)  # type: ignore[no-any-return]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["python", "pt2", "torchscript"])
def test_several_sigmoids_are_no_softmax(kind: str) -> None:
    module: nn.Module = network(2, nn.Sigmoid())
    module = module if kind == "python" else Mode(programs()[kind](module))
    with pytest.raises(PasunchatError, match=r"2 probabilities that do not depend on each other"):
        Classifier(module).predict_logits(PIXELS)


def test_two_sigmoids_that_sum_to_one_are_probabilities() -> None:
    module = network(1)
    both = Ending(module, lambda z: torch.cat([-z, z], 1).sigmoid())
    with pytest.warns(PasunchatWarning, match="gives probabilities"):
        found = Classifier(both).predict_logits(PIXELS)
    assert torch.allclose(found.softmax(1), both(PIXELS), atol=1e-6)


def test_several_log_sigmoids_stay() -> None:
    module = network(2, nn.LogSigmoid())
    assert torch.equal(Classifier(module).predict_logits(PIXELS), module(PIXELS).detach())


def test_probabilities_put_together_become_logits_with_a_warning() -> None:
    module = network(1)
    both = Ending(module, lambda z: torch.cat([1 - z.sigmoid(), z.sigmoid()], 1))
    with pytest.warns(PasunchatWarning, match="Ending gives probabilities"):
        found = Classifier(both).predict_logits(PIXELS)
    assert torch.allclose(found.softmax(1), both(PIXELS), atol=1e-6)


def test_a_mean_of_networks_that_give_probabilities_is_seen() -> None:
    first, second = network(3, nn.Softmax(1)), network(3, nn.Softmax(1))
    with torch.no_grad():
        second[1].weight.neg_()  # type: ignore[index, union-attr, operator]
    mean = Ending(nn.Identity(), lambda pixels: (first(pixels) + second(pixels)) / 2)
    with pytest.warns(PasunchatWarning, match="gives probabilities"):
        found = Classifier(mean).predict_logits(PIXELS)
    assert torch.allclose(found.softmax(1), mean(PIXELS), atol=1e-6)


def test_logits_that_happen_to_lie_in_0_to_1_stay() -> None:
    small = Ending(network(2), lambda z: z.sigmoid().round())
    assert torch.equal(Classifier(small).predict_logits(PIXELS), small(PIXELS).detach())


def test_a_decision_is_no_probability() -> None:
    decides = Ending(network(3), lambda z: nn.functional.one_hot(z.argmax(1), 3).float())
    assert torch.equal(Classifier(decides).predict_logits(PIXELS), decides(PIXELS).detach())


def test_a_softmax_in_evaluation_only_is_seen() -> None:
    class Either(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = network(3)

        def forward(self, pixels: Tensor) -> Tensor:
            logits: Tensor = self.module(pixels)
            return logits if self.training else logits.softmax(1)

    classifier = Classifier(Either()).train()
    logits = classifier.network.module(PIXELS)  # type: ignore[union-attr, operator]
    assert torch.equal(classifier(PIXELS), logits)
    assert classifier.training and classifier.network.training
    assert torch.equal(classifier.eval()(PIXELS), logits)


def test_our_own_networks_are_not_looked_at() -> None:
    assert build("simple", classes=("cat", "dog"), size=16).adapter is PLAIN_ADAPTER


def test_names_are_counted_in_a_classifier_of_any_module() -> None:
    with pytest.raises(PasunchatError, match="has 2 classes, but 3 names are given: cat/dog/fox"):
        Classifier(network(1), classes=("cat", "dog", "fox")).predict_logits(PIXELS)


def test_state_around_is_left_as_it_was() -> None:
    classifier = Classifier(nn.Sequential(network(2), nn.Dropout(0.5))).train()
    before = torch.random.get_rng_state()
    classifier.found_adapter(PIXELS)
    assert classifier.training and classifier.network.training
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("module", "named"),
    [
        (nn.Identity(), r"float32 \[1, 3, 4, 4\]"),
        (nn.Flatten(0), r"\[96\] for 2 images"),
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
