"""What the numbers of a search may be: checked by `Request`, and by the command line before PyTorch
is imported, so that a slip is told at once."""

from math import inf

from pasunchat.errors import PasunchatError


def check_search(
    *,
    norm: str,
    radius: float | None,
    confidence: float | None,
    levels: int | None,
    seconds: float | None,
) -> None:
    """Raise PasunchatError for a number out of its range. The arguments: see `Request`."""
    if radius is not None:
        check_radius(radius)
    if norm == "linf" and radius is not None and radius > 1:
        raise PasunchatError(
            f"radius: in linf it is a share of the range from black to white, at most 1, got "
            f"{radius:g}; {radius:g} of 255 levels is {radius:g}/255"
        )
    if confidence is not None and not 0 < confidence < 1:
        raise PasunchatError(f"confidence: expected between 0 and 1, got {confidence}")
    if levels is not None and levels < 2:
        raise PasunchatError(f"levels: expected 2 or more, or None, got {levels}")
    if seconds is not None and not 0 < seconds < inf:
        raise PasunchatError(f"seconds: expected a number above 0, got {seconds}")


def check_radius(radius: float) -> None:
    """Raise PasunchatError for a radius that is none in any norm."""
    if not 0 <= radius < inf:
        raise PasunchatError(f"radius: expected a number of at least 0, got {radius}")
