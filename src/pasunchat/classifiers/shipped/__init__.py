"""SHIPPED: trained classifiers that come with the package, each a folder here with its card."""

from pathlib import Path

SHIPPED = ("efficientnet-lite0", "tiny", "simple")
DEFAULT = "efficientnet-lite0"
PREFIX = "shipped:"  # shipped:NAME means the shipped one, whatever runs there are


def shipped_folder(name: str) -> Path:
    """The folder of a shipped classifier: weights, info, recipe, card."""
    return Path(__file__).parent / name
