"""What the report of a run says of a comparison in which its classifier took part."""

from dataclasses import dataclass

from pasunchat.measures.compare import Comparison
from pasunchat.measures.speed import Timing
from pasunchat.reports.comparison import (
    COST,
    QUALITY,
    cost,
    differences,
    how_tested,
    quality,
    speeds,
    warnings,
    which_photos,
)
from pasunchat.reports.parts import Picture, Table, embedded_figure
from pasunchat.reports.tradeoff import tradeoff
from pasunchat.words import count, listed


@dataclass(frozen=True)
class ComparisonSection:
    """Ready for the template. times: the only words that a second comparison changes."""

    photos: str
    models: Table
    tradeoff: Picture
    differences: tuple[str, ...]
    notes: tuple[str, ...]
    times: str | None


def comparison_section(
    comparison: Comparison, timing: Timing | None, digest: str
) -> ComparisonSection | None:
    """All that the report shows; None where the classifier with this digest did not take part."""
    if digest not in [model.classifier for model in comparison.models]:
        return None
    return ComparisonSection(
        photos=which_photos(comparison),
        models=_models(comparison, digest),
        tradeoff=embedded_figure(
            lambda: tradeoff(comparison),
            "Accuracy of each model with its interval, against its multiply-adds for one photo",
            "Higher is better, further left is less work; bars are 95 % intervals.",
        ),
        differences=tuple(differences(comparison)),
        notes=(f"{how_tested(comparison)}.", *(f"{said}." for said in warnings(comparison))),
        times=_times(comparison, timing) if timing else None,
    )


def _models(comparison: Comparison, digest: str) -> Table:
    rows = []
    for model in comparison.models:
        ours = " (this run)" if model.classifier == digest else ""
        rows.append((f"{model.name}{ours}", *quality(model), *cost(model)))
    return Table(("model", *QUALITY, *COST), tuple(rows))


def _times(comparison: Comparison, timing: Timing) -> str:
    names = [model.name for model in comparison.models]
    told = [f"{name} {speed}" for name, speed in zip(names, speeds(timing, names), strict=True)]
    where = f"{timing.device}, {count(timing.threads, 'thread')}"
    return f"Photos a second when it was measured ({where}): {listed(told)}."
