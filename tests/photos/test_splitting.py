from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pasunchat.errors import PasunchatError
from pasunchat.photos.splitting import SPLITS, Member, divide, place

SHARES = (0.6, 0.3, 0.1)


def many(count: int, class_name: str = "cat", side: str | None = None, first: int = 0):
    return [Member(class_name, f"{class_name}{i}", "s", side) for i in range(first, first + count)]


def test_shares_are_met_about() -> None:
    sides = Counter(divide(many(10_000), SHARES, 0))
    for side, share in zip(SPLITS, SHARES, strict=True):
        assert abs(sides[side] / 10_000 - share) < 0.02


@given(st.integers(60, 90), st.integers(1, 40), st.integers(0, 2**63 - 1))
def test_adding_photos_does_not_move_the_others(count: int, more: int, seed: int) -> None:
    before = divide(many(count), SHARES, seed)
    after = divide(many(count + more), SHARES, seed)
    moved = sum(side != now for side, now in zip(before, after[:count], strict=True))
    # only a photo that had been taken to fill an empty side may go back
    assert moved <= sum(side not in divided(count, seed) for side in SPLITS)


def divided(count: int, seed: int) -> set[str]:
    """The sides that points alone would fill."""
    points = [place(m.content, seed) for m in many(count)]
    return {"train" if p < 0.6 else "validation" if p < 0.9 else "test" for p in points}


@given(st.integers(3, 12), st.integers(0, 999))
def test_no_side_of_a_small_class_is_empty(count: int, seed: int) -> None:
    members = many(count) + many(count, "dog")
    sides = divide(members, SHARES, seed)
    found = {(m.class_name, side) for m, side in zip(members, sides, strict=True)}
    assert len(found) == 6


def test_an_empty_side_gets_the_nearest_photo() -> None:
    seed = next(seed for seed in range(99) if divided(4, seed) == {"train", "validation"})
    members = many(4)
    sides = divide(members, SHARES, seed)
    moved = [m for m, side in zip(members, sides, strict=True) if side == "test"]
    donors = [m for m in members if place(m.content, seed) < 0.9]
    assert len(moved) == 1
    crowd = Counter(place(m.content, seed) < 0.6 for m in donors)
    if crowd[False] > 1:
        assert moved[0] == max(donors, key=lambda m: place(m.content, seed))


@given(st.integers(0, 999))
def test_copies_lie_together_even_under_two_classes(seed: int) -> None:
    members = many(30) + many(30) + [m._replace(class_name="dog", source="t") for m in many(30)]
    sides = divide(members, SHARES, seed)
    filled = Counter(sides[:30])
    assert sides[:30] == sides[30:60]
    if min(filled.values()) > 1:
        assert sides[:30] == sides[60:]


def test_the_seed_decides() -> None:
    assert divide(many(50), SHARES, 0) == divide(many(50), SHARES, 0)
    assert divide(many(50), SHARES, 0) != divide(many(50), SHARES, 1)


def test_a_side_without_share_stays_empty() -> None:
    assert set(divide(many(50), (0.5, 0.5, 0.0), 0)) == {"train", "validation"}
    assert set(divide(many(1), (1.0, 0.0, 0.0), 0)) == {"train"}


def test_a_given_split_is_kept() -> None:
    members = many(5, side="train") + many(5, side="validation", first=5)
    members += many(5, side="test", first=10)
    assert divide(members, SHARES, 0) == [m.given for m in members]


def test_sides_a_source_lacks_come_from_its_training_photos() -> None:
    members = many(400, side="train") + many(50, side="test", first=400)
    sides = divide(members, SHARES, 0)
    assert set(sides[400:]) == {"test"}
    found = Counter(sides[:400])
    assert set(found) == {"train", "validation"}
    assert abs(found["train"] / 400 - 2 / 3) < 0.1


def test_each_source_is_cut_by_what_it_gives() -> None:
    ready = many(30, side="train") + many(30, side="validation", first=30)
    ready += many(30, side="test", first=60)
    free = [Member("cat", f"free{i}", "other") for i in range(100)]
    sides = divide(ready + free, SHARES, 0)
    assert sides[:90] == [m.given for m in ready]
    assert set(sides[90:]) == set(SPLITS)


def test_a_free_copy_joins_the_given_side() -> None:
    ready = many(9, side="train") + many(9, side="test", first=9)
    copies = [m._replace(source="other", given=None) for m in ready[9:]]
    free = [Member("cat", f"free{i}", "other") for i in range(50)]
    sides = divide(ready + copies + free, SHARES, 3)
    assert sides[18:27] == ["test"] * 9


@pytest.mark.parametrize(
    "shares",
    [
        (60, 30, 10),
        (0.5, 0.5),
        (0.6, 0.5, -0.1),
        (0, 0.5, 0.5),
        (0.6, 0.3, 0.2),
        (float("nan"),) * 3,
    ],
)
def test_shares_that_are_none(shares: tuple[float, ...]) -> None:
    with pytest.raises(PasunchatError, match=r"--split: expected three shares .* 0\.6 0\.3 0\.1"):
        divide(many(9), shares, 0)


def test_a_class_too_small_is_refused() -> None:
    members = many(9) + [Member("dog", "one", "s")] * 5 + [Member("dog", "two", "s")]
    with pytest.raises(PasunchatError, match='"dog" has 2 different photos'):
        divide(members, SHARES, 0)


def test_a_given_side_that_lacks_a_class_is_refused() -> None:
    members = many(9, side="train") + many(9, side="test", first=9) + many(9, "dog", "train")
    with pytest.raises(PasunchatError, match='"dog" has no photo for test'):
        divide(members, SHARES, 0)
