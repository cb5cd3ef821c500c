"""ClassifierInfo: what belongs to a classifier besides its network and its normalisation."""

from dataclasses import dataclass

from pasunchat.framing import Decode, Framing


@dataclass(frozen=True)
class ClassifierInfo:
    """A classifier's metadata. Saved files carry it, so it is plain values only."""

    classes: tuple[str, ...] = ()  # names in the order of the logits; empty: they are numbered
    size: int | None = None  # side of the square images it takes, in pixels; None: any size
    framing: Framing = "pad"  # how a photo becomes a square
    decode: Decode = "exact"  # how the photos it was trained on were decoded
    mirrored: bool = False  # in evaluation, logits are the mean over an image and its mirror image
    network_name: str | None = None  # in NETWORKS, as "simple:width=32"; None: external
    trained_on: str | None = None  # digest of the dataset it was trained on; None: not known

    def class_name(self, index: int) -> str:
        """The name of a class, or its number where there are no names."""
        return self.classes[index] if self.classes else str(index)
