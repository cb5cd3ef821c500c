import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pasunchat.training.augment import augmented, mixup, mixup_share, random_draws
from pasunchat.training.recipe import STRONG, Augment

ALL = STRONG.augment


def pixels(count: int = 4, size: int = 20) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_without_settings_nothing_changes() -> None:
    given_pixels = pixels()
    assert augmented(given_pixels, random_draws(4, 0, 0), Augment()) is given_pixels


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([12, 20, 33]))
def test_stays_in_range_at_the_requested_size(seed: int, size: int) -> None:
    found = augmented(pixels(), random_draws(4, seed, 0), ALL, size)
    assert found.shape == (4, 3, size, size)
    assert found.min() >= 0 and found.max() <= 1


def test_a_photo_s_change_is_a_function_of_seed_epoch_and_photo() -> None:
    draws, given_pixels = random_draws(4, 0, 3), pixels()
    whole = augmented(given_pixels, draws, ALL)
    alone = augmented(given_pixels[2:3], draws[2:3], ALL)
    assert torch.allclose(whole[2:3], alone, atol=1e-6)
    assert torch.equal(random_draws(4, 0, 3), draws)
    assert not torch.equal(random_draws(4, 0, 4), draws)
    assert not torch.equal(random_draws(4, 1, 3), draws)


def test_flipping_is_the_mirror_image() -> None:
    given_pixels = pixels()
    found = augmented(given_pixels, random_draws(4, 0, 0), Augment(flip=1.0))
    assert torch.allclose(found, given_pixels.flip(3), atol=1e-5)


def test_a_whole_crop_at_the_same_size_is_the_image() -> None:
    given_pixels = pixels()
    found = augmented(given_pixels, random_draws(4, 0, 0), Augment(flip=1e-9))
    assert torch.allclose(found, given_pixels, atol=1e-5)


def test_grey_images_have_no_colour() -> None:
    found = augmented(pixels(), random_draws(4, 0, 0), Augment(grey=1.0))
    assert torch.allclose(found[:, 0], found[:, 1]) and torch.allclose(found[:, 1], found[:, 2])


def test_erasing_blanks_a_square_of_the_stated_size() -> None:
    found = augmented(pixels(size=100), random_draws(4, 0, 0), Augment(erase=1.0))
    blank = (found == 0.5).all(1).flatten(1).float().mean(1)
    assert (blank > 0).all() and (blank <= 0.41**2).all()


def test_mixing_keeps_the_mean_and_at_least_half_of_each() -> None:
    values = pixels()
    assert torch.allclose(mixup(values, 0.7).mean(0), values.mean(0), atol=1e-6)
    assert torch.equal(mixup(values, 1.0), values)
    shares = [mixup_share(0.2, 0, 0, step) for step in range(20)]
    assert all(0.5 <= share <= 1 for share in shares)
    assert len(set(shares)) == 20
    assert mixup_share(0.2, 0, 0, 3) == shares[3]
