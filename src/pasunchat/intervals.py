"""How far a share that was counted may be from the truth."""


def interval_of(right: int, photos: int) -> tuple[float, float]:
    """The 95 % Wilson interval of the share that is right, of one photo or more."""
    from scipy.stats import binomtest

    interval = binomtest(right, photos).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
