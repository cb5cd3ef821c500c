"""What breaks attacks of other libraries, as contracts over every attack of ATTACKS.

Alone against in company, on the grid, without a slope and with global random state: see
test_attacks.py. Against the known optimum: test_attacks_truth.py.
"""

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks import ATTACKS
from pasunchat.attacks.fool import fool
from pasunchat.attacks.problem import SURE, Goal
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import NORMS, Norm

SIDE = 6
# Settings that make an attack quick on small pictures.
QUICK = {
    "learned-noise": "learned-noise:lr=0.01",
    "carlini-wagner": "carlini-wagner:round_steps=60,rounds=3,lr=0.05",
    "hop-skip-jump": "hop-skip-jump:queries=1000",
    "square": "square:queries=300",
    "standard": "standard:steps=20,queries=100",
    "portfolio": "portfolio:effort=quick",
    "ti-fgsm": "ti-fgsm:blur=3",  # the paper's kernel is wider than these pictures
}
MIXES = ("admix",)  # mixes in the photos that a photo is beside
CONTROLS = ("random-noise",)  # may well reach nothing
RADII = {"l2": 2.0, "linf": 0.3, "l1": 12.0, "l0": 40.0, "pixels": 20.0}
# Whose loss weighs the logits against the size, as their papers do: their scale matters.
SATURATES = ("learned-noise", "pdpgd")
GUIDED = [name for name, attack in ATTACKS.items() if attack.info.needs == "gradients"]


class Scaled(nn.Module):
    """A network whose logits are scaled and shifted."""

    def __init__(self, network: nn.Module, scale: float = 1, shift: float = 0) -> None:
        super().__init__()
        self.network, self.scale, self.shift = network, scale, shift

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(pixels)
        return logits * self.scale + self.shift


class OneLogit(nn.Module):
    """A network with one logit z, as (0, z)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        logit = self.network(pixels)
        return torch.cat([torch.zeros_like(logit), logit], 1)


def network(classes: int = 2, shape: tuple[int, int] = (SIDE, SIDE)) -> nn.Sequential:
    """One hidden layer of soft kinks, from a seed, without touching global random state."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(3 * shape[0] * shape[1], 8),
            nn.Tanh(),
            nn.Linear(8, classes),
        )
        layers[1].weight.data.mul_(3)
        return layers


def photos(count: int = 2, shape: tuple[int, int] = (SIDE, SIDE)) -> Tensor:
    drawn = torch.Generator().manual_seed(8)
    return torch.randint(0, 256, (count, 3, *shape), generator=drawn).float().div(255)


def norm_of(name: str) -> Norm:
    return NORMS[ATTACKS[name].info.norms[0]]


def run(
    name: str, module: nn.Module, given: Tensor, goal: Goal | None = None, levels: int | None = 256
) -> AttackResult:
    """The attack in its first norm, inside a wide radius if it wants one."""
    norm = norm_of(name)
    return fool(
        Classifier(module),
        given,
        goal=goal,
        attack=QUICK.get(name, name),
        norm=norm,
        radius=None if "nearest" in ATTACKS[name].info.aims else RADII[norm.name],
        levels=levels,
    )


@pytest.mark.parametrize("logit", (0.0, 1.0))
@pytest.mark.parametrize("name", ("turning", "least-levels", "sparse"))
def test_a_photo_on_the_border_is_fooled(name: str, logit: float) -> None:
    """A tie at the photo makes every linearised length 0. Ours go on; others' papers do not."""
    drawn = torch.Generator().manual_seed(0)
    photo = torch.randint(60, 200, (1, 3, SIDE, SIDE), generator=drawn) / 255
    slope = torch.randn(1, 3, SIDE, SIDE, generator=drawn)

    class Tied(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            lead = ((pixels - photo) * slope).flatten(1).sum(1)
            return torch.stack([logit - lead, logit + lead], 1)

    for norm in ATTACKS[name].info.norms:
        result = fool(Classifier(Tied()), photo, attack=name, norm=NORMS[norm])
        assert result.status == (Status.REACHED,), norm


@pytest.mark.parametrize("scale", (30.0, 1000.0, 1e6))
@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in SATURATES])
def test_larger_logits_give_the_same_answer(name: str, scale: float) -> None:
    one, other = (run(name, Scaled(network(), by), photos()) for by in (1.0, scale))
    assert one.status == other.status
    assert torch.allclose(one.distance, other.distance, rtol=0.02)


@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in SATURATES])
def test_logits_times_a_power_of_two_give_the_same_bytes(name: str) -> None:
    one, other = (run(name, Scaled(network(), by), photos()) for by in (1.0, 1024.0))
    assert torch.equal(one.pixels, other.pixels)


@pytest.mark.parametrize("shift", (-100.0, 100.0))
@pytest.mark.parametrize("name", ATTACKS)
def test_shifted_logits_give_the_same_answer(name: str, shift: float) -> None:
    one, other = (run(name, Scaled(network(), shift=by), photos()) for by in (0.0, shift))
    assert one.status == other.status
    assert torch.allclose(one.distance, other.distance, rtol=0.05)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_network_that_does_not_look_is_not_fooled(name: str) -> None:
    class Constant(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return pixels.new_tensor([1.0, 0.0]).expand(len(pixels), 2)

    found = run(name, Constant(), photos(1))
    assert found.status[0] in (Status.NO_GRADIENT, Status.NOT_REACHED)


@pytest.mark.parametrize("classes", (1, 2, 4))
@pytest.mark.parametrize("name", ATTACKS)
def test_the_class_to_reach_is_the_one_that_is_reached(name: str, classes: int) -> None:
    module = OneLogit(network(1)) if classes == 1 else network(classes)
    given = photos(1)
    own = int(Classifier(module).predict_logits(given).argmax(1)[0])
    reached = 0
    for target in range(max(classes, 2)):
        found = run(name, module, given, Goal(torch.tensor([target])))
        assert (found.status[0] is Status.ALREADY_WRONG) == (target == own)
        assert (int(found.after[0]) == target) == (found.status[0] is not Status.NOT_REACHED)
        reached += found.status[0] is Status.REACHED
    assert reached >= 1 or name in CONTROLS


@pytest.mark.parametrize("name", GUIDED)
def test_a_white_photo_with_black_text_can_be_changed(name: str) -> None:
    """Every value stands at an end of its range, and has to move from there."""
    given = torch.ones(1, 3, SIDE, SIDE)
    given[:, :, 1:4, 2] = 0
    found = run(name, network(), given)
    assert found.status == (Status.REACHED,)
    assert found.pixels.min() >= 0 and found.pixels.max() <= 1


@pytest.mark.parametrize("shape", ((1, 1), (7, 30), (5, 3)))
@pytest.mark.parametrize("name", ATTACKS)
def test_any_shape_will_do_and_a_row_ends_the_same_there(name: str, shape: tuple[int, int]) -> None:
    module, given = network(shape=shape), photos(3, shape)
    found = run(name, module, given)
    assert found.pixels.shape == given.shape
    if name in MIXES:
        return
    alone = run(name, module, given[1:2])
    assert found.status[1] is alone.status[0]
    assert torch.allclose(found.distance[1], alone.distance[0], rtol=1e-3)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_grey_photo_will_do(name: str) -> None:
    grey = photos(1)[:, :1].expand(-1, 3, -1, -1)
    assert run(name, network(), grey).status[0] in (Status.REACHED, Status.NOT_REACHED)


@pytest.mark.parametrize("name", ATTACKS)
def test_is_never_worse_than_the_nearest_query_that_reached(name: str) -> None:
    if ATTACKS[name].info.own_result:
        pytest.skip("chooses its result by a criterion of its own")
    classifier, given = Classifier(network()), photos(1)
    goal = Goal(classifier.predict_logits(given).argmax(1), targeted=False)
    asked: list[Tensor] = []
    hook = classifier.register_forward_pre_hook(lambda _, args: asked.append(args[0].detach()))
    norm = norm_of(name)
    found = fool(
        classifier,
        given,
        goal=goal,
        attack=QUICK.get(name, name),
        norm=norm,
        radius=None if "nearest" in ATTACKS[name].info.aims else RADII[norm.name],
    )
    hook.remove()
    seen = torch.cat(asked)
    on_grid = ((seen * 255).round() - seen * 255).flatten(1).abs().amax(1) < 1e-3
    every = Goal(goal.classes.expand(len(seen)), targeted=False)
    good = every.reached(classifier.predict_logits(seen), 2 * SURE) & on_grid
    assert found.status[0] is Status.REACHED
    nearest = norm.measure(seen[good] - given).min()
    assert found.distance[0] <= nearest * (1 + 1e-5)
