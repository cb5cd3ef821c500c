"""What is compared: sections, and jobs in order of importance.

Networks: A and B are flat (the talk's own, and a `simple` trained by us), E is curved
(`efficientnet-lite0`), R is a `simple` trained on attacked photos, where there is one. Those of
MANY have 3 to 1,000 classes (attack_many_classes.py), `ten` is one of ours with ten. A block of
photos is one shard.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from attack_contestant import Contestant
from attack_ours import OURS
from attack_peers import PEERS

CONTESTANTS: Mapping[str, Contestant] = {**OURS, **PEERS}


@dataclass(frozen=True)
class Section:
    """One question, which several contestants answer."""

    title: str
    norm: str  # by which distance is measured
    least_margin: float = 0.0  # of another class's logit above the photo's own, to count as fooled
    within: bool = False  # settings are radii, in levels of 255, and robust accuracy is compared


SECTIONS: Mapping[str, Section] = {
    "l2": Section("L2, the nearest", "l2"),
    "sure": Section("L2 at 95 %", "l2", least_margin=math.log(19)),
    "linf": Section("LINF, the nearest (in levels of 255)", "linf"),
    "l1": Section("L1, the nearest", "l1"),
    "l0": Section("L0, the fewest values", "l0"),
    "pixels": Section("PIXELS, the fewest pixels", "pixels"),
    "radius": Section("LINF, within a radius (in levels of 255)", "linf", within=True),
}


MANY = "large small robust ten three thirty-seven imagenet"


@dataclass(frozen=True)
class Job:
    """A contestant with a setting, on the first `photos` of a network, `block` at a time."""

    network: str  # a name in networks.json
    section: str  # a name in SECTIONS
    contestant: str  # a name in CONTESTANTS
    setting: str  # the contestant's: an effort, a number of gradients or steps, a radius
    photos: int
    block: int


def _jobs(
    networks: str, section: str, contestants: str, settings: str, photos: int, block: int = 25
) -> Iterator[Job]:
    """The jobs of each network, setting and contestant, named in strings with spaces between."""
    for network, setting, contestant in product(
        networks.split(), settings.split(), contestants.split()
    ):
        yield Job(network, section, contestant, setting, photos, block)


def _peers() -> Iterator[Job]:
    yield from _jobs("A B", "l2", "ddn-256 ddn fmn", "100", 100)
    yield from _jobs("E", "l2", "ddn-256 ddn fmn", "100", 24, 8)
    yield from _jobs("A", "l2", "ddn-256 ddn fmn", "1000", 100)
    yield from _jobs("A B", "linf", "apgd-levels fmn-inf", "100", 100)
    yield from _jobs("E", "linf", "apgd-levels fmn-inf", "100", 24, 8)
    yield from _jobs("A B", "l1", "fmn-1 pdpgd-1", "30 100", 25)
    yield from _jobs("A B", "l0", "sigma-zero fmn-0 pdpgd-0", "30 100", 25)
    yield from _jobs("B", "l2", "ddn-256 ddn fmn", "1000", 100)
    yield from _jobs("E", "l2", "ddn fmn", "1000", 8, 4)
    yield from _jobs("A B", "l2", "ddn-256 ddn fmn", "30 300", 100)
    yield from _jobs("A B", "l2", "sdf", "100", 100)
    yield from _jobs("A B", "l2", "fab foolbox-ddn", "30 100", 100)
    yield from _jobs("A B", "radius", "apgd torchattacks-apgd foolbox-pgd", "0.25 0.5 1", 200)
    yield from _jobs("R", "radius", "apgd torchattacks-apgd foolbox-pgd", "1 2 4 8", 200)
    yield from _jobs("A B E", "sure", "ddn-256-95", "100", 24, 8)
    yield from _jobs("A B", "l2", "cw", "30 100 300 1000", 10, 5)
    yield from _jobs("A B", "linf", "apgd-levels", "best", 100)
    yield from _jobs("A B", "linf", "fmn-inf", "30 1000", 100)
    yield from _jobs("A B", "l1", "fmn-1 pdpgd-1", "1000", 25)
    yield from _jobs("A B", "l0", "sigma-zero fmn-0 pdpgd-0", "1000", 25)
    yield from _jobs("A B", "sure", "ddn-256-95", "1000", 24, 8)
    yield from _jobs(MANY, "l2", "ddn-256 ddn fmn", "100 1000", 40, 40)
    yield from _jobs(MANY, "linf", "fmn-inf", "100 1000", 40, 40)
    yield from _jobs(MANY, "l0", "sigma-zero fmn-0 pdpgd-0", "100 200 1000", 40, 40)
    yield from _jobs(MANY, "l1", "fmn-1 pdpgd-1", "100 200 1000", 40, 40)


def _ours() -> Iterator[Job]:
    efforts, counts = "quick normal thorough", "8 16 20 40 100"
    for networks, photos, block in (("A B", 100, 25), ("E", 24, 8)):
        yield from _jobs(
            networks, "l2", "turning turning-256", f"{efforts} {counts}", photos, block
        )
        yield from _jobs(networks, "linf", "ours-linf", efforts, photos, block)
    yield from _jobs("A B E", "sure", "turning-256-95", f"{efforts} 400", 24, 8)
    yield from _jobs("A B", "l1", "ours-l1 ours-l1-float", efforts, 25)
    yield from _jobs("A B", "l0", "ours-l0 ours-l0-float", efforts, 25)
    yield from _jobs("A B", "pixels", "ours-pixels", efforts, 25)
    yield from _jobs("A B", "radius", "standard", "0.25 0.5 1", 200)
    yield from _jobs("A B", "radius", "standard-256", "1", 200)
    yield from _jobs("R", "radius", "standard", "1 2 4 8", 200)
    yield from _jobs(MANY, "l2", "turning turning-256", efforts, 40, 40)
    yield from _jobs(MANY, "l2", "toward-each toward-each-256", "100", 40, 40)
    yield from _jobs(MANY, "linf", "ours-linf ours-linf-float", efforts, 40, 40)
    yield from _jobs(MANY, "linf", "toward-each-linf toward-each-linf-float", "100", 40, 40)
    yield from _jobs(MANY, "linf", "apgd-least apgd-least-256", "normal", 40, 40)
    yield from _jobs(MANY, "l0", "ours-l0 ours-l0-float", efforts, 40, 40)
    yield from _jobs(MANY, "pixels", "ours-pixels", efforts, 40, 40)
    yield from _jobs(MANY, "l1", "ours-l1 ours-l1-float", efforts, 40, 40)


def plan(
    whose: str, networks: Sequence[str], sections: Sequence[str], contestants: Sequence[str]
) -> list[Job]:
    """The jobs of "peers", of "ours" or of "all", those of some networks, sections, contestants;
    none named is all of them."""
    jobs = [*(_ours() if whose != "peers" else ()), *(_peers() if whose != "ours" else ())]
    return [
        job
        for job in jobs
        if (not networks or job.network in networks)
        and (not sections or job.section in sections)
        and (not contestants or job.contestant in contestants)
    ]
