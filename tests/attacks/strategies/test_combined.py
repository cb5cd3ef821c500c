"""What is many searches: cascades, restarts, each target, and the best of several."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.apgd import Apgd
from pasunchat.attacks.methods.gradient_steps import FGSM, PGD, GradientSteps
from pasunchat.attacks.methods.learned_noise import LearnedNoise
from pasunchat.attacks.methods.random_noise import RandomNoise
from pasunchat.attacks.methods.square import Square
from pasunchat.attacks.methods.turning.turning import Turning
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.protocol import AttackInfo
from pasunchat.attacks.result import Status
from pasunchat.attacks.search import SearchResult, SearchTask, no_result
from pasunchat.attacks.strategies.combined import BestOf, Cascade, restarts
from pasunchat.attacks.strategies.targets import EachTarget
from pasunchat.classifiers.classifier import Classifier
from pasunchat.draws import keys_for
from pasunchat.norms import L2, LINF, Norm
from pasunchat.progress import Progress, silent

SIZE = 6
VALUES = 3 * SIZE * SIZE


class Linear(nn.Module):
    """Logits linear in the pixels; class 0 leads by the bias at grey."""

    def __init__(self, classes: int, lead: float, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(classes, VALUES, generator=generator))
        self.bias = nn.Parameter(torch.tensor([lead] + [0.0] * (classes - 1)))

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels.contiguous().flatten(1) - 0.5) @ self.weight.T + self.bias


def photos(count: int = 3) -> Tensor:
    drawn = torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    return drawn.mul(4).add(126).round().div(255)


def left(count: int = 3) -> Goal:
    return Goal(torch.zeros(count).long(), targeted=False)


@dataclass(frozen=True)
class Finds:
    """A strategy that reaches only some rows, at a distance of its own, and remembers its keys."""

    reached: tuple[int, ...]
    distance: float = 1.0

    info: ClassVar[AttackInfo] = AttackInfo(
        about="for tests",
        paper="none",
        norms=("linf", "l2"),
        when="never",
        cost="nothing",
        needs="labels",
        aims=("nearest", "within"),
    )
    asked: ClassVar[list[tuple[list[int], list[int]]]] = []

    def find(self, task: SearchTask) -> SearchResult:
        rows = task.rows
        Finds.asked.append((rows.tolist(), task.keys[rows].tolist()))
        found = no_result(task.problem)
        for row in set(self.reached) & set(rows.tolist()):
            found.pixels[row] = 1.0
            found.distance[row] = self.distance
        found.margin[rows] = -self.distance
        found.forwards[rows] += 2
        return found


def run(
    strategy: Cascade | BestOf, keys: tuple[int, ...] = (0, 1, 2), progress: Progress = silent
) -> SearchResult:
    Finds.asked.clear()
    classifier, problem = Classifier(Linear(2, 1.0)), Problem(photos(), left(), L2)
    return strategy.find(
        SearchTask(classifier, problem, torch.tensor(keys), torch.arange(3), progress)
    )


def test_a_cascade_goes_on_with_rows_not_yet_fooled() -> None:
    found = run(Cascade((Finds((0,)), Finds((0, 2), 0.5), Finds((1,)))))
    assert [rows for rows, _ in Finds.asked] == [[0, 1, 2], [1, 2], [1]]
    assert found.distance.tolist() == [1.0, 1.0, 0.5]
    assert found.forwards.tolist() == [2, 6, 4]


def test_the_best_of_several_keeps_the_nearest_of_each_row() -> None:
    found = run(BestOf((Finds((0, 1), 1.0), Finds((0, 2), 0.5))))
    assert [rows for rows, _ in Finds.asked] == [[0, 1, 2]] * 2
    assert found.distance.tolist() == [0.5, 1.0, 0.5]
    assert found.forwards.tolist() == [4, 4, 4]


def test_until_a_row_reaches_its_closest_try_is_kept() -> None:
    found = run(BestOf((Finds((), 3.0), Finds((), 2.0), Finds((), 4.0))))
    assert found.margin.tolist() == [-2.0] * 3


def test_each_start_has_keys_of_its_own_that_are_the_row_s() -> None:
    run(restarts(Finds(()), 2))
    (_, first), (_, second) = Finds.asked
    assert not set(first) & set(second)
    run(restarts(Finds(()), 2), (2, 0, 1))
    (_, again), _ = Finds.asked
    assert again == [first[2], first[0], first[1]]
    assert keys_for(torch.tensor([5]), "part", 1) == keys_for(torch.tensor([7, 5]), "part", 1)[1]


def test_what_they_serve_follows_from_their_parts() -> None:
    both = Cascade((PGD, Square()))
    assert (
        both.info.needs == "gradients"
        and both.info.norms == ("linf", "l2")
        and both.info.aims == ("within",)
    )
    assert Cascade((RandomNoise(), Square())).info.needs == "scores"
    assert BestOf((Turning(), Turning(gradients=3))).info.aims == ("nearest", "within")
    assert EachTarget(PGD).info.norms == PGD.info.norms
    for made in (both, BestOf((PGD,)), EachTarget(PGD)):
        info = made.info
        assert info.about and info.paper and info.when and info.cost


@pytest.mark.parametrize("made", [Cascade, BestOf], ids=["cascade", "best of"])
def test_progress_grows_to_all_rows(made: Callable[..., Cascade | BestOf]) -> None:
    reports: list[tuple[int, int]] = []
    strategy = made((Finds((0,)), Finds((2,)), Finds(())))
    run(strategy, progress=lambda done, all_: reports.append((done, all_)))
    done = [at for at, _ in reports]
    assert done == sorted(done) and done[-1] == 3
    assert {all_ for _, all_ in reports} == {3}


def test_a_restart_finds_what_one_start_does_not() -> None:
    class Pocket(nn.Module):
        """Class 1 only in a small part of the radius, and slopes that lead nowhere."""

        def forward(self, pixels: Tensor) -> Tensor:
            first = pixels[:, 0, 0, 0] * 255 - 127
            lead = (1.5 - (first - 3.5).abs()) - 1.2 + 0 * pixels.sum((1, 2, 3))
            return torch.stack([-lead, lead], 1)

    grey = torch.full((1, 3, SIZE, SIZE), 127 / 255)
    start = GradientSteps(steps=1, step_size=0.0)
    settings = {"goal": left(1), "norm": LINF, "radius": 6 / 255, "levels": None, "seed": 1}
    one = fool(Classifier(Pocket()), grey, attack=start, **settings)
    many = fool(Classifier(Pocket()), grey, attack=restarts(start, 80), **settings)
    assert one.status == (Status.NOT_REACHED,)
    assert many.status == (Status.REACHED,)
    assert many.forwards > one.forwards


def test_an_attack_that_chooses_its_own_result_is_measured() -> None:
    classifier, attack = Classifier(Linear(2, 1.0)), LearnedNoise(lr=0.01)
    settings = {"goal": Goal(torch.ones(3).long()), "norm": L2}
    alone = fool(classifier, photos(), attack=attack, **settings)
    several = fool(classifier, photos(), attack=BestOf((attack, Turning())), **settings)
    assert several.status == (Status.REACHED,) * 3
    assert (several.distance <= alone.distance).all()


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_each_target_finds_the_one_class_that_is_near(classes: int) -> None:
    network = Linear(classes, 40.0)
    with torch.no_grad():
        network.weight[-1] *= 4  # the last class, last at the photo, is reached with the least
        network.bias[-1] = -10
    classifier = Classifier(network)
    weight = network.weight.detach()
    lead = classifier.predict_logits(photos())
    needed = (lead[:, 0] - lead[:, -1]) / (weight[-1] - weight[0]).abs().sum()
    radius = float(needed.max()) * 1.02
    settings = {"goal": left(), "norm": LINF, "radius": radius, "levels": None}
    found = fool(classifier, photos(), attack=EachTarget(Apgd(steps=20)), **settings)
    assert found.status == (Status.REACHED,) * 3
    assert (found.after == classes - 1).all()
    reach = {**settings, "goal": Goal(torch.full((3,), classes - 1))}
    one = fool(classifier, photos(), attack=EachTarget(FGSM), **reach)
    assert one.status == (Status.REACHED,) * 3


@pytest.mark.parametrize("norm", [LINF, L2], ids=lambda norm: norm.name)
def test_answers_are_the_same_in_any_company(norm: Norm) -> None:
    classifier = Classifier(Linear(3, 2.0))
    attack = Cascade((FGSM, EachTarget(PGD), Square(queries=20)))
    radius = {"linf": 2 / 255, "l2": 0.1}[norm.name]
    many = fool(classifier, photos(5), goal=left(5), attack=attack, norm=norm, radius=radius)
    for row in (0, 4):
        alone = fool(
            classifier,
            photos(5)[row : row + 1],
            goal=left(1),
            attack=attack,
            norm=norm,
            radius=radius,
        )
        assert alone.status[0] is many.status[row]
        assert torch.allclose(alone.distance[0], many.distance[row], rtol=1e-3)


def test_time_that_is_over_ends_all_parts() -> None:
    classifier = Classifier(Linear(2, 1000.0))
    attack = restarts(GradientSteps(steps=3), 50)
    settings = {"goal": left(), "attack": attack, "norm": LINF, "radius": 0.01}
    assert (fool(classifier, photos(), seconds=1e-9, **settings).forwards < 4).all()


def test_no_part_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="count"):
        restarts(PGD, 0)
    with pytest.raises(ValueError, match="most"):
        EachTarget(PGD, most=0)
