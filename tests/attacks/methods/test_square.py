"""Square: scores only, inside the radius, every row its own draws."""

import pytest
import torch
from torch import Generator, Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.random_noise import RandomNoise
from pasunchat.attacks.methods.square import Square, tile, tile_upright, tiled
from pasunchat.attacks.norms import L2, LINF, Norm
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Classifier

HEIGHT, WIDTH = 12, 16
LEFT = Goal(torch.zeros(2).long(), targeted=False)
RADII = [(LINF, 8 / 255), (L2, 0.6)]


class Smooth(nn.Module):
    """Two logits, linear in the pixels, by weights that are alike in neighbouring pixels."""

    def __init__(self, lead: float) -> None:
        super().__init__()
        cells = torch.randn(1, 3, 3, 4, generator=Generator().manual_seed(0))
        grown = nn.functional.interpolate(cells, (HEIGHT, WIDTH))
        self.weight = nn.Parameter(grown.flatten())
        self.lead = lead

    def forward(self, pixels: Tensor) -> Tensor:
        lead = self.lead - (pixels.contiguous().flatten(1) - 0.5) @ self.weight
        return torch.stack([lead, -lead], 1)


def grey() -> Tensor:
    return torch.full((2, 3, HEIGHT, WIDTH), 128 / 255)


@pytest.mark.parametrize(("norm", "radius"), RADII)
def test_comes_near_the_linear_optimum(norm: Norm, radius: float) -> None:
    classifier = Classifier(Smooth(100.0))
    attack = Square(queries=400)
    found = fool(classifier, grey(), goal=LEFT, attack=attack, norm=norm, radius=radius)
    gained = found.margin - Goal(found.goal, False).margin(found.before_logits)
    best = 2 * radius * norm.dual(classifier.network.weight.detach()[None, :, None, None])
    share = {"linf": 0.5, "l2": 0.3}[norm.name]  # random noise gains under a tenth
    assert (gained > share * best).all() and (gained < 1.001 * best).all()
    noise = fool(
        classifier, grey(), goal=LEFT, attack=RandomNoise(draws=400), norm=norm, radius=radius
    )
    assert (noise.pixels == grey()).all()  # labels only: no closest try
    assert (found.distance <= radius * (1 + 1e-5)).all()
    assert found.backwards.sum() == 0 and (found.forwards == 400).all()


@pytest.mark.parametrize(("norm", "radius"), RADII)
def test_leaves_when_it_first_reaches(norm: Norm, radius: float) -> None:
    classifier = Classifier(Smooth(1.0))
    found = fool(classifier, grey(), goal=LEFT, attack=Square(), norm=norm, radius=radius)
    assert found.status == (Status.REACHED,) * 2
    assert (found.forwards < 1000).all()
    assert found.forwards[0] == found.forwards[1]  # two rows of one photo have one key
    assert torch.equal(found.pixels[0], found.pixels[1])


def test_radius_zero_returns_the_photo() -> None:
    for norm, _ in RADII:
        found = fool(
            Classifier(Smooth(1.0)),
            grey(),
            goal=LEFT,
            attack=Square(queries=5),
            norm=norm,
            radius=0.0,
        )
        assert torch.equal(found.pixels, grey())


def test_a_gradient_is_out_of_the_question() -> None:
    """The classifier is never differentiated."""

    class NoBackward(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            assert not torch.is_grad_enabled()
            return torch.stack([pixels.mean((1, 2, 3)), 1 - pixels.mean((1, 2, 3))], 1)

    fool(Classifier(NoBackward()), grey(), attack=Square(queries=5), norm=LINF, radius=0.1)


def test_tiles_have_length_one_and_two_signs() -> None:
    generator = Generator().manual_seed(0)
    for height, width in ((3, 3), (5, 5), (8, 8), (4, 9)):
        shape = tile_upright(height, width)
        assert shape.shape == (height, width)
        assert torch.allclose(shape.square().sum(), torch.tensor(1.0))
        assert (shape[: height // 2] >= 0).all() and (shape[height // 2 :] <= 0).all()
        assert tile(height, width, generator).shape == (height, width)
    whole = tiled(torch.Size((3, HEIGHT, WIDTH)), generator)
    assert torch.allclose(whole.square().sum(), torch.tensor(1.0))


@pytest.mark.parametrize("wrong", [{"queries": 0}, {"share": 0.0}, {"share": 1.5}], ids=str)
def test_impossible_settings_are_named(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        Square(**wrong)  # type: ignore[arg-type]
