"""What strategies share: the better of two results, and what follows from the parts.

A strategy is many searches: a value with `find` where an attack has its four methods (search.py).
"""

from functools import reduce

from torch import Tensor

from pasunchat.attacks.protocol import Access, AttackInfo, Method
from pasunchat.attacks.search import SearchResult

ACCESS: tuple[Access, ...] = ("labels", "scores", "gradients")  # each includes the ones before it


def take_better(
    found: SearchResult,
    part: SearchResult,
    rows: Tensor,
    *,
    places: Tensor | None = None,
    nearer: Tensor | None = None,
) -> None:
    """Add to `found` what another search found on some rows: the nearest that reached, until there
    is one the closest try; and its cost.

    places: int64 [M], of the rows in `part`, where those are others. nearer: bool [M], which of the
    rows are nearer there; None: by their distances.
    """
    places = rows if places is None else places
    if nearer is None:
        nearer = part.distance[places] < found.distance[rows]
    closer = (part.margin[places] > found.margin[rows]) & found.distance[rows].isinf()
    better = (nearer | closer).cpu()
    into, taken = rows[better], places[better]
    found.pixels[into] = part.pixels[taken]
    found.distance[into] = part.distance[taken]
    found.margin[into] = part.margin[taken]
    found.forwards[rows] += part.forwards[places]
    found.backwards[rows] += part.backwards[places]
    found.had_gradient[rows] |= part.had_gradient[places]


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
