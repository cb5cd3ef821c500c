"""portfolio: never farther than any of its parts."""

import pytest
import torch

from pasunchat.attacks.fool import fool
from pasunchat.attacks.strategies.portfolio import Portfolio
from pasunchat.classifiers.build import build
from pasunchat.norms import NORMS

PHOTOS = torch.randint(0, 256, (3, 3, 16, 16), generator=torch.Generator().manual_seed(0)) / 255


@pytest.mark.parametrize("norm", Portfolio.info.norms)
def test_is_as_near_as_the_nearest_part(norm: str) -> None:
    classifier = build("simple", classes=("cat", "dog"), size=16, seed=3)
    attack = Portfolio(effort="quick")
    whole = fool(classifier, PHOTOS, attack=attack, norm=NORMS[norm])
    first = fool(classifier, PHOTOS, attack=attack.parts(norm)[0], norm=NORMS[norm])
    assert (whole.distance <= first.distance * 1.05).all()  # other draws, where there are any
    assert (whole.backwards > first.backwards).all()


def test_serves_every_norm_by_attacks_that_serve_it() -> None:
    assert set(Portfolio.info.norms) == set(NORMS)
    for norm in NORMS:
        for part in Portfolio().parts(norm):
            assert norm in part.info.norms and "nearest" in part.info.aims
