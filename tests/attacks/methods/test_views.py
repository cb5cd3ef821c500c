"""Views of the pixels: what they show, and that a gradient goes through them."""

import pytest
import torch

from pasunchat.attacks.methods.views import (
    ADMIXTURE,
    SCALES,
    SMALLEST_SIDE,
    VIEWS,
    Drawn,
    draw_others,
    mixed,
    resized,
)

SIDE = 20


def drawn(rows: int, step: int = 0, view_index: int = 0) -> Drawn:
    others = torch.full((rows, 3, 3, SIDE, SIDE), 0.5)
    return Drawn(torch.arange(rows), others, step, view_index)


def test_resized_pictures_are_smaller_padded_and_half_of_them_unchanged() -> None:
    white = torch.ones(400, 3, SIDE, SIDE)
    seen = resized(white, drawn(400))
    share = seen.mean((1, 2, 3))
    same = (share == 1).float().mean()
    assert 0.45 < same < 0.75  # half are left alone, and some of the others keep their side
    assert share.amin() >= SMALLEST_SIDE**2 - 1e-6
    corners = {tuple(row[0, [0, 0, -1, -1], [0, -1, 0, -1]].tolist()) for row in seen}
    assert len(corners) > 3  # the padding lies at different places


def test_a_row_is_resized_the_same_whatever_rows_are_beside_it() -> None:
    pixels = torch.rand(6, 3, SIDE, SIDE)
    whole, context = resized(pixels, drawn(6)), drawn(6)
    part = resized(pixels[3:5], context._replace(keys=context.keys[3:5]))
    assert torch.equal(whole[3:5], part)
    assert not torch.equal(whole, resized(pixels, drawn(6, step=1)))


def test_mixed_adds_another_photo_and_scales() -> None:
    pixels = torch.full((1, 3, SIDE, SIDE), 0.25)
    for index in range(VIEWS["mixed"].count):
        scale = 2 ** (index % SCALES)
        expected = (0.25 + ADMIXTURE * 0.5) / scale
        assert torch.allclose(mixed(pixels, drawn(1, view_index=index)), torch.tensor(expected))


@pytest.mark.parametrize("name", [name for name, views in VIEWS.items() if views])
def test_a_gradient_goes_through_every_view(name: str) -> None:
    pixels = torch.rand(2, 3, SIDE, SIDE).requires_grad_()
    seen = VIEWS[name].view(pixels, drawn(2))
    assert seen.shape == pixels.shape
    (gradient,) = torch.autograd.grad(seen.sum(), pixels)
    assert (gradient.flatten(1).sum(1) > 0).all()


def test_others_are_of_another_class_where_there_are_any() -> None:
    photos = torch.arange(4.0)[:, None, None, None].expand(4, 3, 2, 2)
    keys, classes = torch.arange(4), torch.tensor([0, 0, 0, 1])
    chosen = draw_others(photos, classes, keys, 5)[:, :, 0, 0, 0]
    assert (chosen[:3] == 3).all() and (chosen[3] != 3).all()
    same = draw_others(photos, torch.zeros(4), keys, 5)[:, :, 0, 0, 0]
    assert all((same[row] != row).all() for row in range(4))
    alone = draw_others(photos[:1], classes[:1], keys[:1], 5)
    assert (alone == photos[0]).all()
