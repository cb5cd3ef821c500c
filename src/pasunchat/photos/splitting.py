"""Which photos are for training, validation and test: decided by seed and content."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pasunchat.errors import PasunchatError
from pasunchat.storage import sha256

SPLITS = ("train", "validation", "test")
Proportions = tuple[float, float, float]
Cuts = dict[str, tuple[float, float]]  # side -> its stretch of the line from 0 to 1


class Member(NamedTuple):
    """A photo to be placed. content: the SHA-256 of its file. given: its source's side, or None."""

    class_name: str
    content: str
    source: str
    given: str | None = None


def check_proportions(proportions: Sequence[float]) -> None:
    """Raise PasunchatError unless these are three shares, at least 0, that sum to 1."""
    fits = len(proportions) == 3 and abs(sum(proportions) - 1) < 1e-9
    if not fits or min(proportions) < 0 or proportions[0] == 0:
        got = " ".join(f"{share:g}" for share in proportions)
        raise PasunchatError(
            "--split: expected three shares of at least 0 (training above 0, validation, test) "
            f"that sum to 1, as in 0.6 0.3 0.1; got {got}"
        )


def divide(members: Sequence[Member], proportions: Proportions, seed: int) -> list[str]:
    """The side of each photo, one of SPLITS, in the order of `members`.

    A photo's place is a point of the line from 0 to 1, the hash of seed and content, and the
    shares cut that line: other photos cannot move it, and copies lie together. A side that a
    source gives is kept; the sides it lacks are cut from its training photos by the same rule.
    If a class leaves a side empty, the content nearest to that side on the line is moved there
    (equally near: the least hash), but never the last content of another side.

    Raises PasunchatError for shares that are none, and for a class that cannot fill its sides.
    """
    check_proportions(proportions)
    pieces = _pieces(members, _cuts_by_source(members, proportions), seed)
    wanted = [
        side
        for side, share in zip(SPLITS, proportions, strict=True)
        if share > 0 or any(piece.side == side for piece in pieces)
    ]
    by_class: dict[str, list[_Piece]] = defaultdict(list)
    for piece in pieces:
        by_class[piece.class_name].append(piece)
    for class_name, own in by_class.items():
        _fill(class_name, own, wanted)
    sides = {row: piece.side for piece in pieces for row in piece.rows}
    return [sides[row] for row in range(len(members))]


def place(content: str, seed: int) -> float:
    """Where a content lies on the line: a point in [0, 1)."""
    return int(sha256("split", str(seed), content)[:13], 16) / 16**13


@dataclass
class _Piece:
    """Copies of one photo that go together: same class, same content, same sides to choose from.

    cuts: the sides to choose from; none where the source has decided.
    """

    class_name: str
    content: str
    point: float
    cuts: Cuts
    side: str
    rows: list[int] = field(default_factory=list)

    def gap(self, side: str) -> float:
        start, end = self.cuts[side]
        return max(start - self.point, self.point - end)


def _cuts_by_source(members: Sequence[Member], proportions: Proportions) -> dict[str, Cuts]:
    """For each source, the sides its free photos are cut into: all but those it gives itself."""
    given: dict[str, set[str]] = defaultdict(set)
    for member in members:
        given[member.source].add(member.given or "train")
    return {source: _cuts(proportions, sides - {"train"}) for source, sides in given.items()}


def _cuts(proportions: Proportions, closed: set[str]) -> Cuts:
    shares = {
        side: share
        for side, share in zip(SPLITS, proportions, strict=True)
        if share > 0 and side not in closed
    }
    cuts, start = {}, 0.0
    for side, share in shares.items():
        end = start + share / sum(shares.values())
        cuts[side] = (start, end)
        start = end
    return cuts


def _pieces(members: Sequence[Member], cuts_by_source: dict[str, Cuts], seed: int) -> list[_Piece]:
    given = {m.content: m.given for m in members if m.given in ("validation", "test")}
    pieces: dict[tuple[str, str, str, tuple[str, ...]], _Piece] = {}
    for row, member in enumerate(members):
        is_free = member.given in (None, "train")
        cuts = cuts_by_source[member.source] if is_free else {}
        point = place(member.content, seed)
        side = _side(point, cuts, given.get(member.content)) if is_free else member.given
        assert side is not None
        key = (member.class_name, member.content, side, tuple(cuts))
        piece = pieces.setdefault(key, _Piece(member.class_name, member.content, point, cuts, side))
        piece.rows.append(row)
    return list(pieces.values())


def _side(point: float, cuts: Cuts, copy: str | None) -> str:
    """The side of a free photo: that of a copy whose source has decided, else by its point."""
    if copy in cuts:
        return copy
    # rounding may leave the last stretch a hair short of 1
    return next((side for side, (_, end) in cuts.items() if point < end), list(cuts)[-1])


def _fill(class_name: str, pieces: list[_Piece], wanted: Sequence[str]) -> None:
    """Move pieces of one class until no side is empty."""
    contents = len({piece.content for piece in pieces})
    if contents < len(wanted):
        raise PasunchatError(
            f'the class "{class_name}" has {contents} different photos that open, fewer than its '
            f"sides ({', '.join(wanted)}); add photos, or give a side the share 0 with --split"
        )
    for side in wanted:
        crowd = Counter(piece.side for piece in pieces)
        if crowd[side]:
            continue
        movable = [piece for piece in pieces if side in piece.cuts and crowd[piece.side] > 1]
        if not movable:
            raise PasunchatError(
                f'the class "{class_name}" has no photo for {side}, and none that may be moved '
                "there from the sides its source gives; add some, or take that class away"
            )
        nearest = min(movable, key=lambda piece: (piece.gap(side), piece.content))
        nearest.side = side
