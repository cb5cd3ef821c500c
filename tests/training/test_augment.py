import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pasunchat.errors import PasunchatError
from pasunchat.training.augment import augmented, draws, mixed, mixing_share
from pasunchat.training.recipe import STRONG, Augment

ALL = STRONG.augment


def pixels(count: int = 4, side: int = 20) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_without_settings_nothing_changes() -> None:
    given_pixels = pixels()
    assert augmented(given_pixels, draws(4, 0, 0), Augment()) is given_pixels


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([12, 20, 33]))
def test_stays_in_range_at_the_side_asked_for(seed: int, side: int) -> None:
    found = augmented(pixels(), draws(4, seed, 0), ALL, side)
    assert found.shape == (4, 3, side, side)
    assert found.min() >= 0 and found.max() <= 1


def test_a_photo_s_change_is_a_function_of_seed_epoch_and_photo() -> None:
    chance, given_pixels = draws(4, 0, 3), pixels()
    whole = augmented(given_pixels, chance, ALL)
    alone = augmented(given_pixels[2:3], chance[2:3], ALL)
    assert torch.allclose(whole[2:3], alone, atol=1e-6)
    assert torch.equal(draws(4, 0, 3), chance)
    assert not torch.equal(draws(4, 0, 4), chance)
    assert not torch.equal(draws(4, 1, 3), chance)


def test_flipping_is_the_mirror_image() -> None:
    given_pixels = pixels()
    found = augmented(given_pixels, draws(4, 0, 0), Augment(flip=1.0))
    assert torch.allclose(found, given_pixels.flip(3), atol=1e-5)


def test_a_whole_crop_at_the_same_side_is_the_picture() -> None:
    given_pixels = pixels()
    found = augmented(given_pixels, draws(4, 0, 0), Augment(flip=1e-9))
    assert torch.allclose(found, given_pixels, atol=1e-5)


def test_grey_pictures_have_no_colour() -> None:
    found = augmented(pixels(), draws(4, 0, 0), Augment(grey=1.0))
    assert torch.allclose(found[:, 0], found[:, 1]) and torch.allclose(found[:, 1], found[:, 2])


def test_erasing_blanks_a_square_of_the_stated_size() -> None:
    found = augmented(pixels(side=100), draws(4, 0, 0), Augment(erase=1.0))
    blank = (found == 0.5).all(1).flatten(1).float().mean(1)
    assert (blank > 0).all() and (blank <= 0.41**2).all()


def test_mixing_keeps_the_mean_and_at_least_half_of_each() -> None:
    values = pixels()
    assert torch.allclose(mixed(values, 0.7).mean(0), values.mean(0), atol=1e-6)
    assert torch.equal(mixed(values, 1.0), values)
    shares = [mixing_share(0.2, 0, 0, step) for step in range(20)]
    assert all(0.5 <= share <= 1 for share in shares)
    assert len(set(shares)) == 20
    assert mixing_share(0.2, 0, 0, 3) == shares[3]


@pytest.mark.parametrize(
    "wrong", [{"crop": 0.0}, {"crop": 1.5}, {"flip": 2.0}, {"mixup": -1.0}, {"grey": -0.1}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(PasunchatError, match=name):
        Augment(**wrong)
