"""DEFENCES: how a network is trained to withstand changes, by name; each is a page here."""

from collections.abc import Mapping
from dataclasses import dataclass

from pasunchat.errors import PasunchatError
from pasunchat.norms import L2, NORMS, Norm
from pasunchat.parsing import from_table, number
from pasunchat.training.defences.defence import Defence
from pasunchat.training.defences.fgsm_rs import FgsmRs
from pasunchat.training.defences.free import Free
from pasunchat.training.defences.mtl_ibp import MtlIbp
from pasunchat.training.defences.n_fgsm import NFgsm
from pasunchat.training.defences.noise import Noise
from pasunchat.training.defences.pgd import Pgd
from pasunchat.training.defences.trades import Trades

DEFENCES: Mapping[str, Defence] = {
    "n-fgsm": NFgsm(),
    "fgsm-rs": FgsmRs(),
    "pgd": Pgd(),
    "trades": Trades(),
    "free": Free(),
    "mtl-ibp": MtlIbp(),
    "noise": Noise(),
}
USUAL = {"linf": "n-fgsm", "l2": "n-fgsm", "noise": "noise"}  # what is asked for -> which of them
GROWTH = 0.5  # share of all steps over which the radius grows


@dataclass(frozen=True)
class Defending:
    """What a recipe's `defend` asks for: a defence, and how large the changes are."""

    against: str  # linf, l2 or noise
    radius: float  # in that norm, with pixels in [0, 1]; of noise, its standard deviation
    method: Defence

    @property
    def norm(self) -> Norm:
        """What the radius is measured in."""
        return NORMS.get(self.against, L2)

    @property
    def is_noise(self) -> bool:
        """Whether it is against noise, not against attacks."""
        return self.against == "noise"

    @property
    def size_in_words(self) -> str:
        """ "1 of 255 levels", "L2 0.500", "noise of 0.25"."""
        return f"noise of {self.radius:g}" if self.is_noise else self.norm.in_words(self.radius)

    @property
    def proves(self) -> bool:
        """Whether it is trained for bounds, which attacks on it do not see."""
        return self.method.info.proves

    def radius_at(self, step: int, steps: int) -> float:
        """The radius of step `step` (from 0) of `steps`: it grows in a line over the first half."""
        return self.radius * min(1.0, (step + 1) / (GROWTH * steps))


def at_full_radius(epoch: int, epochs: int) -> bool:
    """Whether epoch `epoch` (from 1) of so many ends at the full radius."""
    return epoch > GROWTH * epochs


def defending(text: str) -> Defending:
    """What "linf:1/255", "l2:0.5", "noise:0.25" or "linf:1/255:pgd:steps=3" asks for.

    Raises PasunchatError for anything else, and for a defence that does not serve.
    """
    against, _, rest = text.partition(":")
    size, _, method = rest.partition(":")
    if against not in USUAL or not size:
        raise PasunchatError(
            "defend: expected linf:RADIUS, l2:RADIUS or noise:SIGMA, as linf:1/255, and then a "
            f'defence if you like, as linf:1/255:pgd:steps=3; got "{text}"'
        )
    radius = number(size, f"defend {against}")
    if not radius:
        raise PasunchatError(f"defend {against}: expected a number above 0, got {size}")
    found = from_table(method or USUAL[against], DEFENCES, "defence")
    if against not in found.info.against:
        raise PasunchatError(
            f"defend: {method} serves {', '.join(found.info.against)}, not {against}"
        )
    return Defending(against, radius, found)
