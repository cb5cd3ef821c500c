"""Photos: what visitors have dropped, and what became of it, in memory and nowhere else."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pasunchat.page.refusals import Refused
from pasunchat.page.settings import Limits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pasunchat.page.samples import Shared
    from pasunchat.photos.image import Photo

SHARED = "*"  # the owner of what everybody may see; it stays
NAME = 120  # letters of a name that are kept


@dataclass
class KeptPhoto:
    """A photo. Its bytes never leave this process: what is shown is encoded anew."""

    id: str
    owner: str
    name: str
    data: bytes
    kind: str  # JPEG, PNG, ...
    width: int
    height: int  # upright
    turned: bool
    frames: int
    shown: bytes | None = None  # WebP, to look at; None: not made yet
    decoded: "Photo | None" = None  # its pixels, until it is shown
    # by the short name of a model, what it sees, uint8 [size, size, 3]
    squares: "dict[str, NDArray[np.uint8]]" = field(default_factory=dict)
    # by the same, what it says of that: asking.photo_facts
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """How much memory it takes, about."""
        squares = sum(square.nbytes for square in self.squares.values())
        pixels = 3 * self.width * self.height if self.decoded else 0
        return len(self.data) + len(self.shown or b"") + squares + pixels


class Photos:
    """The last of them, by how much memory they take."""

    def __init__(self, limits: Limits, shared: "Shared") -> None:
        self.limits, self.shared = limits, shared
        self.kept: OrderedDict[str, KeptPhoto] = OrderedDict()

    def add(self, photo: KeptPhoto) -> None:
        """Keep one, and let the oldest go where there is too much."""
        self.kept[photo.id] = photo
        total = sum(each.bytes for each in self.kept.values())
        for old in list(self.kept.values()):
            if total <= self.limits.kept_bytes:
                return
            if old is not photo and old.owner != SHARED:
                total -= old.bytes
                del self.kept[old.id]

    def get(self, photo: str, owner: str) -> KeptPhoto:
        """One by its id. Raises Refused where it is gone, or another visitor's."""
        if common := self.shared.get(photo):
            return common
        found = self.kept.get(photo)
        if found is None or found.owner not in (owner, SHARED):
            raise Refused(410, "g_expired")
        self.kept.move_to_end(photo)
        return found

    def forget(self, owner: str) -> None:
        """Let all of a visitor's go."""
        for each in list(self.of(owner)):
            del self.kept[each.id]

    def of(self, owner: str) -> Iterator[KeptPhoto]:
        """Those of a visitor."""
        return (photo for photo in self.kept.values() if photo.owner == owner)
