"""What strategies share: the better of two results, and what follows from the parts.

A strategy is many searches: a value with `find` where an attack has its four methods (search.py).
"""

from functools import reduce

from torch import Tensor

from pasunchat.attacks.protocol import Access, AttackInfo, Method
from pasunchat.attacks.search import SearchResult

ACCESS: tuple[Access, ...] = ("labels", "scores", "gradients")  # each includes the ones before it


def take_better(found: SearchResult, part: SearchResult, rows: Tensor) -> None:
    """Add to `found` what another search found on some rows: the nearest that reached, until there
    is one the closest try; and its cost."""
    nearer = part.distance[rows] < found.distance[rows]
    closer = (part.margin[rows] > found.margin[rows]) & found.distance[rows].isinf()
    taken = rows[(nearer | closer).cpu()]
    found.pixels[taken] = part.pixels[taken]
    found.distance[taken] = part.distance[taken]
    found.margin[taken] = part.margin[taken]
    found.forwards[rows] += part.forwards[rows]
    found.backwards[rows] += part.backwards[rows]
    found.had_gradient[rows] |= part.had_gradient[rows]


def info_of_parts(
    parts: tuple[Method, ...], *, about: str, when: str, cost: str, nearest: bool | None = None
) -> AttackInfo:
    """What a strategy states: it needs the most that a part needs, and serves the norms that all
    parts serve.

    nearest: whether it searches for the nearest; None: if all parts do. A radius is served by
    every attack, which is stopped inside it.
    """
    infos = [part.info for part in parts]
    if nearest is None:
        nearest = all("nearest" in info.aims for info in infos)
    return AttackInfo(
        about=about,
        paper="; ".join(dict.fromkeys(info.paper for info in infos)),
        norms=reduce(_both, (info.norms for info in infos)),
        any_norm=all(info.any_norm for info in infos),
        when=when,
        cost=cost,
        needs=max((info.needs for info in infos), key=ACCESS.index),
        aims=("nearest", "within") if nearest else ("within",),
    )


def _both(some: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(norm for norm in some if norm in more)
