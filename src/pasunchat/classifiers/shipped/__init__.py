"""SHIPPED: trained classifiers that come with the package, each a folder here with its card."""

from pathlib import Path

# In the order in which the page shows them; those trained against changes come last.
SHIPPED = (
    "simple",
    "tiny",
    "efficientnet-lite0",
    "simple-hard",
    "tiny-hard",
    "simple-certified",
    "simple-noisy",
)
DEFAULT = "efficientnet-lite0"
TO_BE_WRAPPED = ("simple-noisy",)  # of use inside smoothed:MODEL; alone they are often wrong
PREFIX = "shipped:"  # shipped:NAME means the shipped one, whatever runs there are


def shipped_folder(name: str) -> Path:
    """The folder of a shipped classifier: weights, info, recipe, card."""
    return Path(__file__).parent / name
