"""Square: scores only, inside the radius, every row its own draws."""

import pytest
import torch
from torch import Generator, Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.methods.apgd import Apgd
from pasunchat.attacks.methods.random_noise import RandomNoise
from pasunchat.attacks.methods.square import (
    Square,
    _few_signs,
    _repeated,
    _set_new_squares,
    _squares,
    _tile,
    _tiles,
    _tiles_inside,
)
from pasunchat.attacks.problem import Goal, Problem
from pasunchat.attacks.result import Status
from pasunchat.attacks.strategies.combined import Cascade
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import L2, LINF, Norm

HEIGHT, WIDTH = 12, 16
LEFT = Goal(torch.zeros(2).long(), targeted=False)
RADII = [(LINF, 8 / 255), (L2, 0.6)]


class Smooth(nn.Module):
    """Two logits, linear in the pixels, with weights that are alike in neighbouring pixels."""

    def __init__(self, ahead: float) -> None:
        super().__init__()
        cells = torch.randn(1, 3, 3, 4, generator=Generator().manual_seed(0))
        grown = nn.functional.interpolate(cells, (HEIGHT, WIDTH))
        self.weight = nn.Parameter(grown.flatten())
        self.ahead = ahead

    def forward(self, pixels: Tensor) -> Tensor:
        ahead = self.ahead - (pixels.contiguous().flatten(1) - 0.5) @ self.weight
        return torch.stack([ahead, -ahead], 1)


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
    least = Goal(found.goal, False).margin(found.after_logits) - Goal(noise.goal, False).margin(
        noise.after_logits
    )
    assert (least > 0).all()  # noise gains less
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


def test_a_tile_is_a_hill_over_a_hollow_of_length_one() -> None:
    for side in (3, 5, 8):
        tile = _tile(side)
        assert tile.shape == (side, side)
        assert torch.allclose(tile.square().sum(), torch.tensor(1.0))
        assert (tile[: side // 2] >= 0).all() and (tile[side // 2 :] <= 0).all()


def test_the_first_tiles_fill_the_picture_with_length_one() -> None:
    keys = torch.tensor([3, 4])
    change = _tiles(grey(), keys)
    assert torch.allclose(change.square().sum((1, 2, 3)), torch.ones(2))
    sizes = change.abs().reshape(2, 3, 6, 2, 8, 2).permute(0, 1, 2, 4, 3, 5).flatten(4)
    assert (sizes > 0).any(-1).all()  # a tile in each place, 2 x 2 pixels large
    assert (change[:, 0] != change[:, 1]).any() and (change[0] != change[1]).any()


@pytest.mark.parametrize("side", [1, 3, 5, HEIGHT])
def test_squares_lie_anywhere_inside_the_picture(side: int) -> None:
    keys = torch.arange(200)
    photos = torch.zeros(1, 1, HEIGHT, WIDTH).expand(200, 3, -1, -1)
    squares = _squares(photos, side, keys, "place")
    assert (squares.inside.sum((1, 2, 3)) == side**2).all()
    assert squares.inside.any((0, 1, 2)).all() and squares.inside.any((0, 1, 3)).all()
    tiles = _tiles_inside(squares, side, keys)
    assert not tiles[~squares.inside].any()
    assert torch.allclose(tiles.square().sum((1, 2, 3)), torch.ones(200))
    upright = tiles.sum((1, 3)).abs().amax(1) > tiles.sum((1, 2)).abs().amax(1)
    if side > 1:
        assert 60 < int(upright.sum()) < 140


@pytest.mark.parametrize("side", [1, 4, HEIGHT])
def test_of_each_copy_one_square_changes(side: int) -> None:
    """Beside the same by masks over whole pictures, to the byte."""
    draw, count = Generator().manual_seed(1), 3
    photos, best = (torch.rand(2, 3, HEIGHT, WIDTH, generator=draw) for _ in range(2))
    radius, each = torch.tensor([0.1, 0.3]), torch.tensor([0, 0, 0, 1, 1, 1])
    keys = torch.arange(len(each))
    pixels = _repeated(best, count)
    assert torch.equal(pixels, best[each])
    _set_new_squares(pixels, photos, radius, side, keys, each)
    moved = radius[each, None, None, None] * _few_signs(keys, photos)
    new = (photos[each] + moved).clamp(0, 1)
    inside = _squares(photos, side, keys, "place").inside
    assert torch.equal(pixels, torch.where(inside, new, best[each]))


@pytest.mark.parametrize(("norm", "radius"), RADII)
def test_what_it_returns_is_inside_the_radius_and_never_the_photo(
    norm: Norm, radius: float
) -> None:
    classifier = Classifier(Smooth(100.0))
    for levels in (256, None):
        found = fool(
            classifier,
            grey(),
            goal=LEFT,
            attack=Square(queries=30),
            norm=norm,
            radius=radius,
            levels=levels,
        )
        assert (found.distance <= radius * (1 + 1e-5)).all()
        assert (found.distance > 0).all()


@pytest.mark.parametrize("wrong", [{"queries": 0}, {"share": 0.0}, {"share": 1.5}], ids=str)
def test_impossible_settings_are_named(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        Square(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(("norm", "radius"), RADII)
@pytest.mark.parametrize("levels", [256, None])
def test_squares_asked_together_cost_as_many_queries(
    norm: Norm, radius: float, levels: int | None
) -> None:
    classifier = Classifier(Smooth(100.0))
    attack = Square(queries=30, together=4)
    found = fool(
        classifier, grey(), goal=LEFT, attack=attack, norm=norm, radius=radius, levels=levels
    )
    assert (found.forwards == 30).all()
    assert (found.distance <= radius * (1 + 1e-5)).all()
    assert (found.margin > Goal(found.goal, False).margin(found.before_logits)).all()


def test_it_follows_the_searches_before_in_a_cascade() -> None:
    """One query more than APGD's end is never farther from the goal than that."""
    classifier = Classifier(Smooth(100.0))
    settings = {"goal": LEFT, "norm": LINF, "radius": 8 / 255, "levels": None}
    first = fool(classifier, grey(), attack=Apgd(steps=5, random=False), **settings)
    both = Cascade((Apgd(steps=5, random=False), Square(queries=1, follow=True)))
    alone = fool(classifier, grey(), attack=Square(queries=1, follow=True), **settings)
    found = fool(classifier, grey(), attack=both, **settings)
    assert (found.margin >= first.margin).all() and (alone.margin < first.margin).all()
    follower = Square(queries=1, follow=True)
    given = Problem(
        grey(), LEFT, LINF, None, torch.full((2,), 8 / 255), nearest_try=first.pixels.clone()
    )
    assert torch.equal(follower.start(given, torch.arange(2)).best, first.pixels)
