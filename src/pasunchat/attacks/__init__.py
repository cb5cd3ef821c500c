"""ATTACKS: every attack by name. One more is one file in methods/ and one row here."""

from collections.abc import Mapping
from typing import Any

from pasunchat.attacks.attack import Attack
from pasunchat.attacks.methods.learned_noise import LearnedNoise

ATTACKS: Mapping[str, Attack[Any]] = {
    "learned-noise": LearnedNoise(),
}
