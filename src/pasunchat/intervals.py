"""How far a share that was counted may be from the truth."""

from math import sqrt

Z = 1.959963984540054  # within so many standard deviations lie 95 % of a normal distribution


def interval_of(right: int, photos: int) -> tuple[float, float]:
    """The 95 % Wilson interval of the share that is right, of one photo or more (Wilson 1927,
    doi:10.1080/01621459.1927.10502953); by scipy's binomtest it takes a second to import."""
    wrong, whole = photos - right, 2 * (photos + Z**2)
    middle = (2 * right + Z**2) / whole
    reach = Z / whole * sqrt(4 * right * wrong / photos + Z**2)
    return middle - reach if right else 0.0, middle + reach if wrong else 1.0
