"""What a strategy that is made of other attacks says of itself: it follows from its parts."""

from abc import ABC, abstractmethod
from functools import reduce

from pasunchat.attacks.protocol import Access, Aim, Facts

ACCESS: tuple[Access, ...] = ("labels", "scores", "gradients")  # each more than the one before


class OfParts(ABC):
    """The facts (attack.py) that a strategy's parts determine; `about`, `when` and `cost` are its
    own. Facts only: how the parts are run is each strategy's `find`."""

    @property
    @abstractmethod
    def parts(self) -> tuple[Facts, ...]:
        """The attacks it is made of, one or more."""

    @property
    def paper(self) -> str:
        """Where its parts come from."""
        return "; ".join(dict.fromkeys(part.paper for part in self.parts))

    @property
    def needs(self) -> Access:
        """The most that a part needs."""
        return max((part.needs for part in self.parts), key=ACCESS.index)

    @property
    def norms(self) -> tuple[str, ...]:
        """The norms that all parts serve."""
        every = [part.norms for part in self.parts]
        return reduce(lambda some, more: tuple(norm for norm in some if norm in more), every)

    @property
    def aims(self) -> tuple[Aim, ...]:
        """The aims that all parts serve; each serves a radius, by being stopped inside it."""
        every = all("nearest" in part.aims for part in self.parts)
        return ("nearest", "within") if every else ("within",)
