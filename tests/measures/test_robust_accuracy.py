"""What follows from attacked photos, against figures worked out by hand."""

from collections.abc import Callable
from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pasunchat.attacks.fool import Request
from pasunchat.attacks.result import Status
from pasunchat.measures.attacked import AttackedPhoto
from pasunchat.measures.robust_accuracy import AttackRunInfo, Robustness, robustness
from pasunchat.norms import LINF
from pasunchat.storage import from_json, to_json

Make = Callable[..., AttackedPhoto]
INFO = AttackRunInfo(
    classifier="c", dataset="d", split="test", limit=None, photos=5,
    request=Request("turning").info(), block=16, version="0",
)  # fmt: skip
NOT_FOOLED = {"status": Status.NOT_REACHED, "fooled": False, "after": "cat", "margin": -1.0}


def summed(photos: list[AttackedPhoto], **requested: object) -> Robustness:
    """What follows from photos. requested: fields of the request that differ."""
    info = replace(INFO, request=replace(INFO.request, **requested))
    return robustness(info, ("cat", "dog"), photos, "runs/simple")


@pytest.fixture
def by_hand(make_attacked: Make) -> Robustness:
    """Three cats and two dogs: fooled at 0.2, at 0.4, not at all; misread, fooled at 0.4."""
    return summed(
        [
            make_attacked(row=0, l2=0.2),
            make_attacked(row=1, l2=0.4),
            make_attacked(row=2, l2=0.9, **NOT_FOOLED),
            make_attacked(
                row=3, real="dog", before="cat", after="cat", fooled=False, l2=0.0, forwards=0,
                backwards=0, status=Status.ALREADY_WRONG,
            ),
            make_attacked(row=4, real="dog", before="dog", after="cat", l2=0.4),
        ]
    )  # fmt: skip


def test_counts(by_hand: Robustness) -> None:
    assert (by_hand.photos, by_hand.right, by_hand.accuracy) == (5, 4, 0.8)
    assert (by_hand.fooled, by_hand.not_reached, by_hand.no_gradient) == (3, 1, 0)
    assert by_hand.robust_accuracy == 0.2
    assert (by_hand.forwards, by_hand.backwards) == (80, 32)
    cat, dog = by_hand.classes
    assert (cat.photos, cat.right, cat.fooled, cat.median) == (3, 3, 2, 0.4)
    assert (dog.photos, dog.right, dog.fooled, dog.median) == (2, 1, 1, 0.0)


def test_the_curve_falls_where_a_photo_does(by_hand: Robustness) -> None:
    assert [(at.radius, at.accuracy) for at in by_hand.curve] == [(0, 0.8), (0.2, 0.6), (0.4, 0.2)]
    assert by_hand.median == 0.4


@pytest.mark.parametrize(
    ("radius", "accuracy"), [(0, 0.8), (0.19, 0.8), (0.2, 0.6), (0.39, 0.6), (0.4, 0.2), (9, 0.2)]
)
def test_accuracy_within_a_radius(by_hand: Robustness, radius: float, accuracy: float) -> None:
    assert by_hand.accuracy_within(radius) == accuracy


@pytest.mark.parametrize(
    ("share", "radius"), [(0.1, 0), (0.2, 0), (0.21, 0.2), (0.4, 0.2), (0.8, 0.4), (0.81, None)]
)
def test_what_is_enough_for_a_share(
    by_hand: Robustness, share: float, radius: float | None
) -> None:
    assert by_hand.enough_for(share) == radius


def test_the_most_fragile_and_the_most_stubborn(by_hand: Robustness, make_attacked: Make) -> None:
    assert by_hand.most_fragile is not None and by_hand.most_fragile.row == 0
    assert by_hand.most_stubborn is not None and by_hand.most_stubborn.row == 2
    farther = make_attacked(row=5, l2=0.1, **{**NOT_FOOLED, "margin": -3.0})
    stubborn = summed([make_attacked(row=2, l2=0.9, **NOT_FOOLED), farther]).most_stubborn
    assert stubborn == farther
    fooled = [make_attacked(row=row, l2=size) for row, size in enumerate((0.3, 0.5, 0.1))]
    found = summed(fooled)
    assert (found.most_fragile, found.most_stubborn) == (fooled[2], fooled[1])


def test_equal_levels_are_told_apart_by_l2(make_attacked: Make) -> None:
    photos = [
        make_attacked(row=row, distance=1 / 255, l2=size) for row, size in enumerate((0.3, 0.2))
    ]
    found = summed(photos, norm="linf")
    assert (found.most_fragile, found.most_stubborn) == (photos[1], photos[0])


def test_levels_are_counted_exactly(make_attacked: Make) -> None:
    photos = [make_attacked(row=k, distance=k / 255) for k in range(1, 5)]
    found = summed(photos, norm="linf")
    assert [found.accuracy_within(k / 255) for k in range(5)] == [1, 0.75, 0.5, 0.25, 0]
    assert [at.radius for at in found.curve] == [k / 255 for k in range(5)]


def test_where_nothing_was_right_nothing_is_fragile(make_attacked: Make) -> None:
    misread = make_attacked(real="dog", fooled=False, status=Status.ALREADY_WRONG, l2=0.0)
    found = summed([misread])
    assert (found.accuracy, found.robust_accuracy, found.median) == (0, 0, 0.0)
    assert found.most_fragile is None and found.most_stubborn is None
    assert [(at.radius, at.accuracy) for at in found.curve] == [(0, 0)]


def test_the_median_is_infinite_where_too_few_were_fooled(make_attacked: Make) -> None:
    fooled, robust = make_attacked(l2=0.2), make_attacked(**NOT_FOOLED)
    assert summed([fooled, robust, robust]).median is None
    assert summed([fooled, fooled, robust]).median == 0.2


def test_a_radius_is_the_end_of_the_curve(make_attacked: Make) -> None:
    found = summed([make_attacked(l2=0.2), make_attacked(**NOT_FOOLED)], radius=0.5)
    assert [(at.radius, at.accuracy) for at in found.curve] == [(0, 1), (0.2, 0.5), (0.5, 0.5)]


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 9), st.just(inf)), min_size=1, max_size=30),
    st.floats(0, 10),
    st.floats(0.01, 1),
)
def test_against_counting_one_by_one(
    make_attacked: Make, enough: list[float], radius: float, share: float
) -> None:
    """0: misread from the start. Infinite: not fooled."""
    photos = [
        make_attacked(row=row, real="dog", fooled=False, l2=0.0)
        if size == 0
        else make_attacked(row=row, **({**NOT_FOOLED} if size == inf else {"l2": size}))
        for row, size in enumerate(enough)
    ]
    found = summed(photos)
    farthest = radius * (1 + 1e-9)
    assert found.accuracy_within(radius) == np.mean([size > farthest for size in enough])
    shares = [at.accuracy for at in found.curve]
    assert shares == sorted(shares, reverse=True)
    needed = found.enough_for(share)
    misread = [
        size for size in enough if size < inf and np.mean(np.array(enough) <= size) >= share - 1e-6
    ]
    assert needed == (min(misread) if misread else None)


def test_each_radius_asked_for_has_its_interval(make_attacked: Make) -> None:
    """Wilson 1927, for 3 and 2 of 5."""
    sizes = (0.1, 0.2, 0.3, 0.9)
    misread = make_attacked(real="dog", fooled=False, status=Status.ALREADY_WRONG, l2=0.0)
    photos = [misread, *(make_attacked(row=row, l2=size) for row, size in enumerate(sizes, 1))]
    found = robustness(replace(INFO, radii=(0.15, 0.25)), ("cat", "dog"), photos, "runs/simple")
    assert [(at.radius, at.withstood, at.photos) for at in found.within] == [
        (0.15, 3, 5), (0.25, 2, 5),
    ]  # fmt: skip
    assert found.within[0].interval == pytest.approx((0.2307, 0.8824), abs=1e-4)
    assert found.within[1].interval == pytest.approx((0.1176, 0.7693), abs=1e-4)
    assert [at.accuracy for at in found.within] == [found.accuracy_within(r) for r in (0.15, 0.25)]
    assert repr(found) == (
        "<Robustness: 4 of 5 photos right without any change [37.6, 96.4] %; turning fooled 4\n"
        "  within L2 0.150: 3 of 5 withstood this attack [23.1, 88.2] %\n"
        "  within L2 0.250: 2 of 5 withstood this attack [11.8, 76.9] %\n"
        "an upper bound: another attack may find more>"
    )


def test_without_a_grid_what_floats_add_to_a_distance_is_within(make_attacked: Make) -> None:
    photo = make_attacked(l2=0.5 * (1 + 5e-6))
    for levels, share in ((256, 1.0), (None, 0.0)):
        info = replace(INFO, request=replace(INFO.request, levels=levels, radius=0.5), radii=(0.5,))
        found = robustness(info, ("cat",), [photo], "runs/simple")
        assert found.within[0].accuracy == found.accuracy_within(0.5) == share


def test_it_comes_back_from_json(by_hand: Robustness) -> None:
    assert from_json(to_json(by_hand), Robustness, "here") == by_hand


def test_it_names_its_norm_and_its_attack(make_attacked: Make) -> None:
    found = summed([make_attacked()], norm="linf")
    assert (found.norm, found.attack) == (LINF, "turning")
    misread = make_attacked(real="dog", fooled=False, status=Status.ALREADY_WRONG, l2=0.0)
    assert summed([misread]).attack is None
