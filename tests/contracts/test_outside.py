"""What holds for networks from outside, however odd. One more network joins by its row in ROWS.

Each gives the answers of a plain twin, and is fooled at the twin's distance; or it is refused in
one line before the search. It is never more robust than its twin, and is given back as it was.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.attacks.sanity_checks import checks
from pasunchat.classifiers.channels import grey
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.export import export
from pasunchat.classifiers.external.assemble import assemble
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.classifiers.summary import describe
from pasunchat.errors import PasunchatError, PasunchatWarning
from pasunchat.norms import LINF

SIDE, CLASSES, CHANNELS = 8, 3, 4
FEATURES = CHANNELS * (SIDE - 2) ** 2
SURROUNDINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "plain": nullcontext,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
}


def photos(count: int = 2) -> Tensor:
    drawn = torch.Generator().manual_seed(8)
    return torch.randint(0, 256, (count, 3, SIDE, SIDE), generator=drawn) / 255


def plain(*norm: nn.Module) -> nn.Sequential:
    """A convolution, perhaps a batch norm, a soft kink and a dense layer; in evaluation mode."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        layers = nn.Sequential(
            nn.Conv2d(3, CHANNELS, 3), *norm, nn.Tanh(), nn.Flatten(), nn.Linear(FEATURES, CLASSES)
        )
    for layer in norm:
        if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None:
            layer.running_mean += 0.1
            layer.running_var *= 0.5
    return layers.eval()


class Around(nn.Module):
    """The plain network, and something done to its pixels, to its logits or between them."""

    def __init__(
        self,
        logits: Callable[[Tensor], Any] = lambda logits: logits,
        pixels: Callable[[Tensor], Tensor] = lambda pixels: pixels,
    ) -> None:
        super().__init__()
        self.inner, self.logits, self.pixels = plain(), logits, pixels

    def forward(self, pixels: Tensor) -> Any:
        return self.logits(self.inner(self.pixels(pixels)))


class Views(nn.Module):
    """Flattens by a view, as most tutorials do; of the pixels and of the features."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, _, _, self.dense = plain()

    def forward(self, pixels: Tensor) -> Tensor:
        pixels = pixels.view(pixels.size(0), -1).view(pixels.size())
        features = self.conv(pixels).tanh()
        return self.dense(features.view(features.size(0), -1))


class OneAtATime(nn.Module):
    """Knows no batch: its rows are written down as one."""

    def __init__(self, inner: nn.Module | None = None) -> None:
        super().__init__()
        self.inner = inner or plain()

    def forward(self, pixels: Tensor) -> Tensor:
        return self.inner(pixels.reshape(1, 3, SIDE, SIDE))


class Alone(nn.Module):
    """The twin of what depends on company: each picture alone."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.cat([self.inner(picture) for picture in pixels.split(1)])


class Keeps(nn.Module):
    """Makes a table at its first look, and keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.ones, self.table = plain(), nn.Parameter(torch.ones(1, 3, 1, 1)), None

    def forward(self, pixels: Tensor) -> Tensor:
        if self.table is None:
            self.table = self.ones * 1
        return self.inner(pixels * self.table)


class StaysTraining(nn.Module):
    """Its batch norm is never put into training mode, by a `train` of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = plain(nn.BatchNorm2d(CHANNELS))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.inner(pixels)

    def train(self, mode: bool = True) -> "StaysTraining":
        super().train(mode)
        self.inner[1].eval()
        return self


class Bfloat16Inside(nn.Module):
    """Takes floats and gives floats; between them are numbers of 8 bits' precision."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = plain().bfloat16()

    def forward(self, pixels: Tensor) -> Tensor:
        return self.inner(pixels.bfloat16()).float()


class Quantised(nn.Module):
    """Its dense layer reckons with int8."""

    def __init__(self) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch would rather have torchao
            self.inner = torch.ao.quantization.quantize_dynamic(
                plain(), {nn.Linear}, dtype=torch.qint8
            )

    def forward(self, pixels: Tensor) -> Tensor:
        return self.inner(pixels)


class OneChannel(nn.Module):
    """Takes grey pictures only."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = plain()

    def forward(self, pixels: Tensor) -> Tensor:
        assert pixels.shape[1] == 1
        return self.inner(pixels.expand(-1, 3, -1, -1))


def one_logit() -> nn.Module:
    """The twin of what has one output."""
    return Around(lambda z: torch.cat([torch.zeros_like(z[:, :1]), z[:, :1]], 1))


def sigmoids() -> nn.Module:
    return Around(torch.sigmoid)


def alone() -> nn.Module:
    """The twin of a batch norm that looks at the batch."""
    return Alone(normed(track_running_stats=False))


def normed(**settings: Any) -> nn.Sequential:
    return plain(nn.BatchNorm2d(CHANNELS, **settings))


def frozen_norm() -> nn.Module:
    """In training mode, but for its batch norm, as in fine-tuning."""
    network = normed().train()
    network[1].eval()
    return network


def partly_frozen() -> nn.Module:
    network = plain()
    network[0].requires_grad_(False)
    return network


def hooked() -> nn.Module:
    """With hooks that keep what they see, as for heat maps of what a network looks at."""
    network, seen = plain(), []
    network[0].register_forward_hook(lambda _, __, out: seen.append(out.detach()))
    network[0].register_full_backward_hook(lambda _, __, gradients: seen.append(gradients[0]))
    return network


def with_gradients() -> nn.Module:
    """In the middle of a step: its weights have gradients already."""
    network = plain().train()
    network(photos()).sum().backward()
    return network


def kept_in_inference_mode() -> nn.Module:
    network = Keeps()
    with torch.inference_mode():
        network(photos())
    return network


def traced(module: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have torch.export
        return torch.jit.trace(module, torch.rand(2, 3, SIDE, SIDE), check_trace=False)  # type: ignore[no-any-return, no-untyped-call]


def exported(module: nn.Module, *, rows: int | None = None) -> nn.Module:
    """The module of a program of torch.export, for some rows or for any number."""
    shapes = ({0: torch.export.Dim("n", min=1)},) if rows is None else None
    example = (torch.rand(rows or 2, 3, SIDE, SIDE),)
    return torch.export.export(module, example, dynamic_shapes=shapes).module()


def to_numpy(logits: Tensor) -> Tensor:
    return torch.from_numpy(logits.detach().numpy().copy())


def raises(_: Tensor) -> Tensor:
    raise KeyError("layer 7\nis missing")


@dataclass(frozen=True)
class Row:
    """A network, and what must hold. The distances may differ by a share `within`."""

    make: Callable[[], nn.Module]
    twin: Callable[[], nn.Module] = plain
    refused: str | None = None  # what the one line says where it cannot be fooled
    company: bool = False  # its answers depend on the pictures beside one: a warning
    probabilities: bool = False  # which only a logarithm undoes: a warning
    within: float = 1e-3


SIGMOIDS = "3 probabilities that do not depend on each other"
NO_GRADIENT = "no gradient comes back through this network: .*; take an attack that needs none"
ROWS = {
    "views": Row(Views),
    "tuple": Row(lambda: Around(lambda logits: (logits, logits[:, :, None]))),
    "dict": Row(lambda: Around(lambda logits: {"features": logits[:, :1], "logits": logits})),
    "list-of-one": Row(lambda: Around(lambda logits: [logits])),
    "tuple-of-two-answers": Row(
        lambda: Around(lambda logits: (logits, logits)), refused="gives tuple of float32"
    ),
    "squeezed": Row(lambda: Around(lambda logits: logits.squeeze())),
    "map-of-one-pixel": Row(lambda: Around(lambda logits: logits[:, :, None, None])),
    "changes-its-input": Row(lambda: Around(pixels=lambda pixels: pixels.mul_(2).div_(2))),
    "batch-1-only": Row(OneAtATime),
    "first-row-only": Row(lambda: Around(lambda logits: logits[0])),
    "one-output": Row(lambda: Around(lambda z: z[:, :1]), one_logit),
    "one-number": Row(lambda: Around(lambda z: z[:, 0]), one_logit),
    "one-sigmoid": Row(lambda: Around(lambda z: z[:, 0].sigmoid()), one_logit),
    "one-sigmoid-traced": Row(
        lambda: traced(Around(lambda z: z[:, :1].sigmoid())),
        lambda: Around(lambda z: nn.functional.logsigmoid(torch.cat([-z[:, :1], z[:, :1]], 1))),
        probabilities=True,
    ),
    "softmax-inside": Row(lambda: Around(lambda z: z.softmax(1))),
    "softmax-inside-a-tuple": Row(lambda: Around(lambda z: (z.softmax(1), z.argmax(1)))),
    "softmax-exported": Row(lambda: exported(Around(lambda z: z.softmax(1)))),
    "softmax-traced": Row(
        lambda: traced(Around(lambda z: z.softmax(1))),
        lambda: Around(lambda z: z.log_softmax(1)),
        probabilities=True,
    ),
    "several-sigmoids": Row(sigmoids, refused=SIGMOIDS),
    "several-sigmoids-exported": Row(lambda: exported(sigmoids()), refused=SIGMOIDS),
    "several-sigmoids-traced": Row(lambda: traced(sigmoids()), refused=SIGMOIDS),
    "grey": Row(OneChannel, lambda: Around(pixels=lambda p: grey(p).expand(-1, 3, -1, -1))),
    "kept-tensor": Row(Keeps),
    "kept-in-inference-mode": Row(kept_in_inference_mode, refused="Inference tensors"),
    "batch-norm": Row(normed, normed),
    "batch-norm-in-training": Row(lambda: normed().train(), normed),
    "batch-norm-frozen": Row(frozen_norm, normed),
    "batch-norm-without-momentum": Row(lambda: normed(momentum=None).train(), normed),
    "batch-norm-with-a-train-of-its-own": Row(lambda: StaysTraining().train(), normed),
    "batch-norm-without-statistics": Row(
        lambda: normed(track_running_stats=False), alone, company=True
    ),
    "batch-norm-traced": Row(lambda: traced(normed()), normed),
    "batch-norm-traced-in-training": Row(lambda: traced(normed().train()), alone, company=True),
    "batch-norm-exported-in-training": Row(lambda: exported(normed().train()), alone, company=True),
    "exported": Row(lambda: exported(normed()), normed),
    "exported-for-one-row": Row(lambda: exported(plain(), rows=1)),
    "dropout": Row(lambda: plain(nn.Dropout(0.5)).train()),
    "centred-by-the-batch": Row(
        lambda: Around(pixels=lambda pixels: pixels - pixels.mean(0) / 2),
        lambda: Alone(Around(pixels=lambda pixels: pixels - pixels.mean(0) / 2)),
        company=True,
    ),
    "log-softmax-inside": Row(lambda: Around(lambda logits: logits.log_softmax(1))),
    "partly-frozen": Row(partly_frozen),
    "hooks": Row(hooked),
    "with-gradients": Row(with_gradients),
    "double": Row(lambda: plain().double()),
    "float16": Row(lambda: plain().half(), within=0.05),
    "bfloat16": Row(lambda: plain().bfloat16(), within=0.1),
    "bfloat16-inside": Row(Bfloat16Inside, within=0.1),
    "int8": Row(Quantised, refused=NO_GRADIENT),
    "detached": Row(lambda: Around(lambda logits: logits.detach()), refused=NO_GRADIENT),
    "numpy-inside": Row(lambda: Around(to_numpy), refused=NO_GRADIENT),
    "argmax-inside": Row(
        lambda: Around(lambda z: nn.functional.one_hot(z.argmax(1), CLASSES).float()),
        refused=NO_GRADIENT,
    ),
    "whole-numbers": Row(lambda: Around(lambda logits: logits.argmax(1)), refused="gives int64"),
    "not-a-number": Row(lambda: Around(lambda logits: logits / 0), refused="not finite"),
    "raises": Row(
        lambda: Around(raises), refused="cannot be run on images of 8 x 8 pixels: 'layer 7"
    ),
    "made-for-another-size": Row(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(27, 2)), refused="images of 8 x 8 pixels"
    ),
}
SERVED = [name for name, row in ROWS.items() if row.refused is None]
REFUSED = [name for name, row in ROWS.items() if row.refused is not None]


@pytest.fixture
def quietly() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PasunchatWarning)
        yield


def attacked(network: nn.Module, given: Tensor | None = None) -> AttackResult:
    return fool(Classifier(network), photos() if given is None else given)


@dataclass
class State:
    """All of a network that a search might change."""

    modes: list[bool]
    wanting: list[bool]
    gradients: list[Tensor | None]
    hooks: list[tuple[int, int, int]]
    numbers: dict[str, Any]

    @classmethod
    def of(cls, network: nn.Module) -> "State":
        parts, weights = list(network.modules()), list(network.parameters())
        return cls(
            [bool(part.training) for part in parts],
            [weight.requires_grad for weight in weights],
            [None if weight.grad is None else weight.grad.clone() for weight in weights],
            [
                (len(p._forward_hooks), len(p._forward_pre_hooks), len(p._backward_hooks))
                for p in parts
            ],
            {
                name: value.clone() if isinstance(value, Tensor) else str(value)
                for name, value in network.state_dict().items()
            },
        )


def assert_same(one: State, other: State) -> None:
    assert one.modes == other.modes
    assert one.wanting == other.wanting
    assert one.hooks == other.hooks
    for before, after in zip(one.gradients, other.gradients, strict=True):
        assert (before is None) == (after is None)
        assert before is None or torch.equal(before, after)
    assert list(one.numbers) == list(other.numbers)
    for name, value in one.numbers.items():
        if isinstance(value, Tensor):
            assert value.dtype is other.numbers[name].dtype
            assert torch.equal(value, other.numbers[name]), name
        else:
            assert value == other.numbers[name]


@pytest.mark.parametrize("around", SURROUNDINGS)
@pytest.mark.parametrize("name", SERVED)
@pytest.mark.usefixtures("quietly")
def test_is_fooled_as_its_plain_twin_is(name: str, around: str) -> None:
    row = ROWS[name]
    expected = attacked(row.twin())
    network = row.make()
    with SURROUNDINGS[around]():
        found = attacked(network, photos())
    assert found.status == expected.status == (Status.REACHED, Status.REACHED)
    assert torch.equal(found.before, expected.before)
    assert torch.allclose(found.distance, expected.distance, rtol=row.within)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.usefixtures("quietly")
def test_is_given_back_as_it_was(name: str) -> None:
    row = ROWS[name]
    network = row.make()
    before = State.of(network)
    if row.refused is None:
        attacked(network)
        checks(Classifier(network), photos(), Goal(torch.zeros(2).long(), targeted=False))
    else:
        with pytest.raises(PasunchatError):
            attacked(network)
    assert_same(before, State.of(network))


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.usefixtures("quietly")
def test_is_refused_in_one_line_before_the_search(name: str) -> None:
    with pytest.raises(PasunchatError, match=ROWS[name].refused) as refusal:
        attacked(ROWS[name].make())
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", SERVED)
@pytest.mark.usefixtures("quietly")
def test_answers_as_its_twin_wrapped_or_loaded(name: str) -> None:
    row, given = ROWS[name], photos(5)
    expected = Classifier(row.twin()).predict_logits(given)
    size = float(expected.abs().max())
    wrapped = Classifier(row.make())
    loaded = assemble(row.make(), Preprocessing("0..1", size=SIDE), "m", made_of="m")
    for classifier in (wrapped, loaded):
        found = classifier.predict_logits(given)
        assert found.dtype is torch.float32
        answers, theirs = found.log_softmax(1), expected.log_softmax(1)
        assert torch.allclose(answers, theirs, atol=max(row.within, 1e-5) * size)
        assert torch.allclose(found[3:4], classifier.predict_logits(given[3:4]), atol=0.01 * size)


@pytest.mark.parametrize("name", SERVED)
def test_is_warned_of_once_where_there_is_reason(name: str) -> None:
    row = ROWS[name]
    facts = Preprocessing("0..1", size=SIDE)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", PasunchatWarning)
        classifier = assemble(row.make(), facts, "my.code:network", made_of="m")
        classifier.predict_logits(photos())
    told = [str(each.message) for each in said if each.category is PasunchatWarning]
    assert len(told) == row.company + row.probabilities
    for sentence in told:
        said_of = (
            " gives probabilities;" if row.probabilities else ": the answer to a picture depends"
        )
        assert sentence.startswith(f"my.code:network{said_of}")
    goal = Goal(classifier.predict_logits(photos()).argmax(1), targeted=False)
    found = [check.name for check in checks(classifier, photos(), goal, queries=1)]
    assert ("company" in found) == row.company


@pytest.mark.parametrize("name", ["int8", "detached", "numpy-inside", "argmax-inside"])
@pytest.mark.usefixtures("quietly")
def test_without_a_gradient_scores_are_followed(name: str) -> None:
    """What the refusal advises works; and the checks say the same."""
    network = ROWS[name].make()
    found = fool(Classifier(network), photos(), norm=LINF, radius=0.5, attack="square:queries=200")
    assert found.status == (Status.REACHED, Status.REACHED)
    goal = Goal(found.before, targeted=False)
    assert "no-gradient" in [c.name for c in checks(Classifier(network), photos(), goal)]


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("views", None),
        ("dict", None),
        ("batch-norm-in-training", None),
        ("double", None),
        ("bfloat16", None),
        ("batch-norm-without-statistics", "one picture at a time"),
        ("batch-1-only", "one picture at a time"),
        ("int8", "cannot be written as pt2"),
    ],
)
@pytest.mark.usefixtures("quietly")
def test_is_exported_or_refused_and_stays_as_it_was(
    name: str, refused: str | None, tmp_path: Path
) -> None:
    network = ROWS[name].make()
    before, classifier = State.of(network), Classifier(network, size=SIDE)
    if refused is None:
        assert export(classifier, tmp_path / "net.pt2", "pt2", photos(3)).difference < 1e-4
    else:
        with pytest.raises(PasunchatError, match=refused):
            export(classifier, tmp_path / "net.pt2", "pt2", photos(3))
        assert not list(tmp_path.iterdir())
    assert_same(before, State.of(network))


@pytest.mark.parametrize("name", SERVED)
@pytest.mark.usefixtures("quietly")
def test_has_a_summary_and_a_digest_that_stays(name: str) -> None:
    network = ROWS[name].make()
    before, classifier = State.of(network), Classifier(network, size=SIDE)
    digest = classifier.digest()
    assert describe(classifier).parameters == sum(p.numel() for p in network.parameters())
    assert_same(before, State.of(network))
    assert classifier.digest() == digest


def test_pixels_that_want_a_gradient_are_taken_as_they_are() -> None:
    given = photos().requires_grad_()
    found = attacked(plain(), given)
    assert torch.equal(found.distance, attacked(plain()).distance)
    assert given.grad is None and given.requires_grad and not found.pixels.requires_grad


def test_values_made_in_inference_mode_are_taken() -> None:
    network = plain()
    with torch.inference_mode():
        given = photos().clone()
        goal = Goal(torch.zeros(2).long(), targeted=False)
        mask = torch.ones(SIDE, SIDE, dtype=torch.bool)
        found = fool(Classifier(network), given, goal=goal, mask=mask)
    expected = fool(Classifier(network), photos(), goal=Goal(goal.classes.clone(), targeted=False))
    assert torch.equal(found.distance, expected.distance)


@pytest.mark.usefixtures("quietly")
def test_weights_made_in_inference_mode_are_taken_and_stay() -> None:
    with torch.inference_mode():
        network = normed()
    weights = list(network.state_dict(keep_vars=True).values())
    assert torch.equal(attacked(network).distance, attacked(normed()).distance)
    now = network.state_dict(keep_vars=True).values()
    assert all(was is is_ for was, is_ in zip(weights, now, strict=True))
    assert all(weight.is_inference() for weight in weights)
