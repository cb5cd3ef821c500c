"""An attacked photo with the fields that a test gives."""

from collections.abc import Callable

import pytest

from pasunchat.attacks.result import Status
from pasunchat.measures.attacked import AttackedPhoto


@pytest.fixture(scope="session")
def make_attacked() -> Callable[..., AttackedPhoto]:
    """A cat that was read as one and is now read as a dog, but for the fields given; its distance
    is its L2 unless it is given too."""

    def make(**fields: object) -> AttackedPhoto:
        usual: dict[str, object] = {
            "row": 0, "name": "cat/0.png", "real": "cat", "before": "cat",
            "confidence_before": 0.9, "after": "dog", "confidence": 0.6,
            "status": Status.REACHED, "fooled": True, "l2": 0.5, "levels": 2.0, "l1": 3.0,
            "l0": 9, "pixels": 4, "distance": fields.get("l2", 0.5), "margin": 0.1,
            "forwards": 20, "backwards": 8, "picture": "cat_0.png",
        }  # fmt: skip
        return AttackedPhoto(**{**usual, **fields})  # type: ignore[arg-type]

    return make
