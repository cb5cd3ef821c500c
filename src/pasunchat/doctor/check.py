"""One finding of `pasunchat doctor`, and how its reasons are put."""

from dataclasses import dataclass
from typing import Literal

from pasunchat.errors import PasunchatError


@dataclass(frozen=True)
class Check:
    """name: what was looked at. found: what is there, in words. status: ok; absent, where
    something is not there that only some things need; broken, where something will not work.
    advice: what to do, a sentence or none; whatever is absent or broken has one."""

    name: str
    found: str
    status: Literal["ok", "absent", "broken"]
    advice: str = ""


def reason(error: BaseException) -> str:
    """What an error says, in one line of at most 300 characters; its kind, unless it is ours."""
    said = str(error) if isinstance(error, PasunchatError) else f"{type(error).__name__}: {error}"
    return " ".join(said.split())[:300]
