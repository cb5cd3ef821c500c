"""What the caller asks of an attack, as one value: checked once, handed on whole.

`fool`, `fool_photos` and `attack_split` take a `Request`; one more option is one field of it.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import inf

from torch import Tensor

from pasunchat.attacks import ATTACKS
from pasunchat.attacks.norms import L2, NORMS, ROUNDING, Norm
from pasunchat.attacks.protocol import Effort, Method, Setting, settings_of
from pasunchat.errors import PasunchatError
from pasunchat.parsing import from_table
from pasunchat.storage import sha256


@dataclass(frozen=True)
class RequestInfo:
    """A request in plain values, as it is recorded in results, receipts and folders."""

    attack: str  # its name in ATTACKS
    settings: dict[str, Setting]  # the attack's
    norm: str
    radius: float | None
    confidence: float | None
    levels: int | None
    mask: str | None  # SHA-256 of the mask
    effort: Effort
    seconds: float | None
    seed: int


@dataclass(frozen=True, eq=False)
class Request:
    """How to search. Raises PasunchatError for what is off, and for an attack that does not serve
    the norm, or that wants a radius and has none."""

    attack: str | Method | None = None  # "pgd:steps=200" or a value; None: the norm's nearest
    norm: Norm = L2  # or its name
    radius: float | None = None  # the largest distance allowed; None: the nearest change
    confidence: float | None = None  # in (0, 1): least probability of the class in the end
    levels: int | None = 256  # values a pixel may take: 256 for 8-bit files, None for any number
    mask: Tensor | None = None  # bool [H, W], or [N, 1 or 3, H, W]: what may change
    effort: Effort = "normal"  # for attacks that have it
    seconds: float | None = None  # time a photo; then the best so far is the result
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.norm, str):
            object.__setattr__(self, "norm", _norm(self.norm))
        if self.radius is not None and not 0 <= self.radius < inf:
            raise PasunchatError(f"radius: expected a number of at least 0, got {self.radius}")
        if self.confidence is not None and not 0 < self.confidence < 1:
            raise PasunchatError(f"confidence: expected between 0 and 1, got {self.confidence}")
        if self.levels is not None and self.levels < 2:
            raise PasunchatError(f"levels: expected 2 or more, or None, got {self.levels}")
        if self.seconds is not None and not 0 < self.seconds < inf:
            raise PasunchatError(f"seconds: expected a number above 0, got {self.seconds}")
        self._refuse_less_than_a_step()
        self._refuse_unserved()

    @cached_property
    def method(self) -> Method:
        """The attack named, or the norm's own, with the effort where it has that setting."""
        if self.attack is not None and not isinstance(self.attack, str):
            return self.attack
        method = from_table(self.attack or self.norm.nearest, ATTACKS, "attack")
        has_effort = any(field.name == "effort" for field in fields(method))  # type: ignore[arg-type]
        if self.effort != "normal" and has_effort:
            method = replace(method, effort=self.effort)  # type: ignore[type-var]
        return method

    @property
    def name(self) -> str:
        """The attack's name in ATTACKS; the name of its type where it has no row."""
        if isinstance(self.attack, str):
            return self.attack.partition(":")[0]
        return name_of(self.method)

    def info(self) -> RequestInfo:
        """The request in plain values."""
        mask = self.mask
        return RequestInfo(
            attack=self.name,
            settings=settings_of(self.method),
            norm=self.norm.name,
            radius=self.radius,
            confidence=self.confidence,
            levels=self.levels,
            mask=None if mask is None else sha256(repr(mask.shape), mask.cpu().numpy().tobytes()),
            effort=self.effort,
            seconds=self.seconds,
            seed=self.seed,
        )

    def _refuse_unserved(self) -> None:
        info = self.method.info
        if not info.serves(self.norm.name):
            raise PasunchatError(
                f"{self.name} makes {', '.join(info.norms)} small, not {self.norm.name}; take "
                f"another norm, or one of: {', '.join(serving(self.norm))}"
            )
        if self.radius is None and "nearest" not in info.aims:
            others = [n for n in serving(self.norm) if "nearest" in ATTACKS[n].info.aims]
            raise PasunchatError(
                f"{self.name} searches inside a radius; give one (--radius 4/255), or take one "
                f"of: {', '.join(others)}"
            )

    def _refuse_less_than_a_step(self) -> None:
        """On a grid the photo itself is the only picture nearer than one value moved by a level."""
        if not self.radius or self.levels is None:
            return
        least = self.norm.least(self.levels - 1)
        if self.radius < least * (1 - ROUNDING):
            raise PasunchatError(
                f"radius: no picture of {self.levels} levels but the photo itself lies within "
                f"{self.radius:g} in {self.norm.name}; give at least {least:g}"
                + (f" (1/{self.levels - 1})" if least < 1 else "")
            )


def _norm(name: str) -> Norm:
    """The table's own row, not a copy: attacks ask whether a norm `is` L2."""
    if name not in NORMS:
        raise PasunchatError(f'unknown norm "{name}"; there are: {", ".join(NORMS)}')
    return NORMS[name]


def serving(norm: Norm) -> list[str]:
    """The names of the attacks that serve a norm."""
    return [name for name, attack in ATTACKS.items() if attack.info.serves(norm.name)]


def name_of(method: Method) -> str:
    """How ATTACKS spells an attack; the name of its type where it has no row."""
    rows = [(name, row) for name, row in ATTACKS.items() if type(row) is type(method)]
    same = [name for name, row in rows if row == method]
    kin = [name for name, row in rows if row.info.paper == method.info.paper]
    return (same or kin or [type(method).__name__])[0]
