"""What a caller asks for: checked once, the same for every entry point, and in plain values."""

from dataclasses import fields, replace
from fractions import Fraction
from math import inf

import numpy as np
import pytest
import torch

from pasunchat.attacks import ATTACKS
from pasunchat.attacks.fool import Request, fool
from pasunchat.attacks.result import RequestInfo
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.norms import LINF, NORMS, Norm
from pasunchat.runtime import generator
from pasunchat.storage import from_json, to_json

SIZE = 8
FULL = Request(
    "pgd:steps=9", norm=LINF, radius=4 / 255, confidence=0.9, levels=None,
    mask=torch.ones(SIZE, SIZE, dtype=torch.bool), effort="quick", seconds=2.5, seed=7,
)  # fmt: skip


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return build("linear", classes=("cat", "dog"), size=SIZE)


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, SIZE, SIZE), generator=generator(0)) / 255


def test_an_unknown_option_is_named(classifier: Classifier, pixels: torch.Tensor) -> None:
    with pytest.raises(TypeError, match="'radios'"):
        fool(classifier, pixels, radios=0.5)


def test_a_request_and_options_exclude_each_other(
    classifier: Classifier, pixels: torch.Tensor
) -> None:
    with pytest.raises(TypeError, match="give a Request or seed, radius, not both"):
        fool(classifier, pixels, Request(), seed=1, radius=0.5)


def test_options_are_the_fields_of_a_request(classifier: Classifier, pixels: torch.Tensor) -> None:
    one = fool(classifier, pixels, Request("ddn:steps=5", seed=3))
    two = fool(classifier, pixels, attack="ddn:steps=5", seed=3)
    assert torch.equal(one.pixels, two.pixels) and one.request == two.request


@pytest.mark.parametrize("request_", [Request(), FULL], ids=["usual", "full"])
def test_its_info_comes_back_from_json(request_: Request) -> None:
    info = request_.info()
    assert from_json(to_json(info), RequestInfo, "here") == info


def test_its_info_holds_every_field() -> None:
    """Whatever is asked for is recorded: the same names, and the attack's settings beside it."""
    assert {f.name for f in fields(RequestInfo)} == {f.name for f in fields(Request)} | {"settings"}
    info = FULL.info()
    assert (info.attack, info.settings["steps"], info.norm) == ("pgd", 9, "linf")
    assert (info.radius, info.confidence, info.levels) == (4 / 255, 0.9, None)
    assert (info.effort, info.seconds, info.seed) == ("quick", 2.5, 7)


def test_another_mask_has_another_digest() -> None:
    one = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    two, wide = one.clone(), one.reshape(SIZE // 2, 2 * SIZE)
    two[3, 5] = True
    digests = {Request(mask=mask).info().mask for mask in (one, two, wide, None)}
    assert len(digests) == 4
    assert Request(mask=one.clone()).info().mask == Request(mask=one).info().mask


@pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS)
def test_a_norm_is_named_or_given_and_has_its_attack(norm: Norm) -> None:
    """By name it is the same object: attacks ask whether their norm `is` L2."""
    assert Request(norm=norm.name).norm is norm  # type: ignore[arg-type]
    assert Request(norm=norm).name == norm.nearest


@pytest.mark.parametrize("name", ATTACKS)
def test_a_row_of_the_table_is_known_by_its_name(name: str) -> None:
    row = ATTACKS[name]
    norm = NORMS[row.info.norms[0]]
    radius = 1.0 if "nearest" not in row.info.aims else None
    given = Request(row, norm=norm, radius=radius)
    named = Request(name, norm=norm, radius=radius)
    assert given.name == named.name == name
    assert given.info() == named.info()


def test_effort_reaches_the_attacks_that_have_it() -> None:
    assert Request(effort="thorough").info().settings["effort"] == "thorough"
    assert Request("ddn", effort="thorough").info().settings == Request("ddn").info().settings


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"radius": -1.0}, "radius: expected a number of at least 0, got -1.0"),
        ({"radius": float("nan")}, "radius: expected"),
        ({"radius": "a lot"}, 'radius: expected a number of 0 or more, .* got "a lot"'),
        ({"radius": [0.5, 1.0]}, r"radius: expected a number, got \[0.5, 1.0\]"),
        ({"levels": 2.5}, "levels: expected a whole number, got 2.5"),
        ({"seed": "x"}, "seed: expected a number, got 'x'"),
        ({"norm": None}, 'unknown norm "None"'),
        ({"norm": 3}, 'unknown norm "3"; there are: l2, linf'),
        ({"effort": "fast"}, "effort: expected quick, normal, thorough, got 'fast'"),
        ({"attack": 3}, "attack: expected a name, .* got int; there are: turning"),
        ({"mask": "sky.png"}, r"mask: expected a bool tensor \[H, W\], got str"),
        ({"confidence": 1.0}, "confidence: expected between 0 and 1, got 1.0"),
        ({"levels": 1}, "levels: expected 2 or more, or None, got 1"),
        ({"seconds": 0.0}, "seconds: expected a number above 0, got 0.0"),
        ({"norm": "l3"}, 'unknown norm "l3"; there are: l2, linf'),
        ({"norm": "l2:power=1"}, "unknown norm"),
        ({"attack": "prayer"}, "learned-noise"),
        ({"attack": "ddn", "norm": "linf"}, "ddn makes l2 small, not linf"),
        ({"attack": "pgd"}, "pgd searches inside a radius; give one"),
        ({"radius": 0.5 / 255, "norm": "linf"}, "no picture of 256 levels but the photo itself"),
    ],
)
def test_what_is_off_is_refused_at_once(options: dict[str, object], said: str) -> None:
    with pytest.raises(PasunchatError, match=said):
        Request(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "radius", ["4/255", 4 / 255, Fraction(4, 255), np.float64(4 / 255), torch.tensor(4 / 255)]
)
def test_a_radius_of_any_kind_is_a_number(radius: object) -> None:
    request = Request(norm=LINF, radius=radius)  # type: ignore[arg-type]
    assert type(request.radius) is float and request.radius == pytest.approx(4 / 255)


@pytest.mark.parametrize(
    ("word", "norm"),
    [("Linf", "linf"), ("LINF", "linf"), (inf, "linf"), (np.inf, "linf"), ("inf", "linf"),
     (2, "l2"), (2.0, "l2"), ("2", "l2"), (1, "l1"), (0, "l0"), ("Pixels", "pixels")],
)  # fmt: skip
def test_a_norm_is_known_by_what_others_call_it(word: object, norm: str) -> None:
    assert Request(norm=word).norm is NORMS[norm]  # type: ignore[arg-type]


def test_a_large_seed_is_kept_whole() -> None:
    assert Request(seed=2**62 + 1).seed == 2**62 + 1


def test_a_mask_may_be_an_array() -> None:
    mask = np.arange(SIZE * SIZE).reshape(SIZE, SIZE) % 2
    request = Request(mask=mask)  # type: ignore[arg-type]
    assert torch.equal(request.mask, torch.from_numpy(mask).bool())  # type: ignore[arg-type]


def test_a_changed_copy_is_checked_again() -> None:
    with pytest.raises(PasunchatError, match="seconds"):
        replace(FULL, seconds=-1.0)
