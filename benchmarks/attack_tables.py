"""The shards as tables in Markdown: as returned, and as saved on 8 bits."""

import json
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attack_plan import SECTIONS, Section

Row = dict[str, Any]
Key = tuple[str, str]  # contestant, setting
SLACK = 1e-5  # of a radius, for fp32


@dataclass(frozen=True)
class Results:
    """What one contestant found with one setting."""

    rows: Mapping[int, Row]  # of its shards, by photo
    seconds: float  # for each photo


def tables(folder: Path, ours: Mapping[str, Key], networks: Iterable[str]) -> str:
    """Every network and section found below the folder.

    ours: for SECTION the contestant that all are compared with, and for SECTION-saved that on 8
    bits (else the same one); photos that it has not done count in the medians only.
    """
    parts = []
    for place in sorted(path for path in (folder / "shards").glob("*/*") if path.is_dir()):
        network, section = place.parent.name, place.name
        if section in SECTIONS and network in (tuple(networks) or (network,)):
            found = dict(_found(place))
            float_key = ours.get(section)
            keys = (float_key, ours.get(f"{section}-saved", float_key))
            parts += _section(network, SECTIONS[section], found, keys)
    return "\n".join(parts)


@dataclass(frozen=True)
class Bar:
    """What ours is compared with from three classes on."""

    section: str
    saved: bool
    ours: str
    peers: tuple[Key, ...]
    reference: tuple[Key, ...]  # ratios are to the nearest of these, photo by photo
    peers_in: str = ""  # the section that holds the peers, where that is another one


def _each(names: str, *steps: str) -> tuple[Key, ...]:
    return tuple((name, count) for count in steps for name in names.split())


L0_PEERS, L1_PEERS = "sigma-zero fmn-0 pdpgd-0", "fmn-1 pdpgd-1"
COUNTS = ("100", "200", "1000")
EQUAL = "200"  # steps that cost what `normal` does where it searches two classes
BARS = (
    Bar("l2", False, "turning",
        (("ddn", "100"), ("ddn", "1000"), ("fmn", "1000")), (("toward-each", "100"),)),
    Bar("l2", True, "turning-256",
        (("ddn-256", "100"), ("ddn-256", "1000"), ("fmn", "1000")), (("toward-each-256", "100"),)),
    Bar("linf", False, "ours-linf-float",
        (("fmn-inf", "100"), ("fmn-inf", "1000"), ("apgd-least", "normal")),
        (("toward-each-linf-float", "100"),)),
    Bar("linf", True, "ours-linf",
        (("fmn-inf", "100"), ("fmn-inf", "1000"), ("apgd-least-256", "normal")),
        (("toward-each-linf", "100"),)),
    Bar("l0", False, "ours-l0-float", _each(L0_PEERS, *COUNTS), _each(L0_PEERS, EQUAL)),
    Bar("l0", True, "ours-l0", _each(L0_PEERS, *COUNTS), _each(L0_PEERS, EQUAL)),
    Bar("pixels", False, "ours-pixels",
        _each(L0_PEERS, *COUNTS), _each(L0_PEERS, EQUAL), peers_in="l0"),
    Bar("l1", False, "ours-l1-float", _each(L1_PEERS, *COUNTS), _each(L1_PEERS, EQUAL)),
    Bar("l1", True, "ours-l1", _each(L1_PEERS, *COUNTS), _each(L1_PEERS, EQUAL)),
)  # fmt: skip


def many_classes(folder: Path, networks: Sequence[str]) -> str:
    """How near ours comes, from three classes on, to the least over all classes or, where that is
    not searched, to the nearest of the peers at equal cost; on which share of photos it is nearer
    than each peer, or as near."""
    lines = []
    for bar in BARS:
        beside = " | ".join(f"{name} {steps}" for name, steps in bar.peers)
        how = "saved on 8 bits" if bar.saved else "as returned"
        to = ", ".join(" ".join(key) for key in bar.reference)
        lines += [
            f"\n### {SECTIONS[bar.section].title}, {how}; ratios to the nearest of {to}\n",
            f"| network | effort | gradients | median | ratio: median | mean | worst | {beside} |",
            "|---|---|---|---|---|---|---|" + "---|" * len(bar.peers),
        ]
        for network in networks:
            place = folder / "shards" / network
            found = dict(_found(place / bar.section))
            if bar.peers_in:
                found |= dict(_found(place / bar.peers_in))
            lines += _beside_peers(network, bar, found)
    return "\n".join(lines)


def _beside_peers(network: str, bar: Bar, found: Mapping[Key, Results]) -> Iterator[str]:
    def sizes(key: Key) -> list[float]:
        rows = found[key].rows
        return [distance(rows[photo], SECTIONS[bar.section], bar.saved) for photo in sorted(rows)]

    if not set(bar.reference) <= found.keys():
        return
    least = [min(each) for each in zip(*map(sizes, bar.reference), strict=True)]
    for effort in ("quick", "normal", "thorough"):
        if (bar.ours, effort) not in found:
            continue
        own = sizes((bar.ours, effort))
        ratios = [1.0 if a == b else a / b for a, b in zip(own, least, strict=True)]
        cells = []
        for peer in bar.peers:
            theirs = sizes(peer) if peer in found else []
            near = sum(a <= b * (1 + SLACK) for a, b in zip(own, theirs, strict=False))
            median = _size(statistics.median(theirs)) if theirs else ""
            cells.append(f"{near} of {len(theirs)}; {median}" if theirs else "")
        yield _line(
            network, effort, _mean(found[bar.ours, effort], "backwards"),
            _size(statistics.median(own)), _ratio(statistics.median(ratios)),
            _ratio(statistics.fmean(ratios)), _ratio(max(ratios)), *cells,
        )  # fmt: skip


def _found(place: Path) -> Iterator[tuple[Key, Results]]:
    for setting in sorted(place.glob("*/*"), key=_in_order):
        shards = [json.loads(path.read_text()) for path in sorted(setting.glob("*.json"))]
        rows = {row["photo"]: row for shard in shards for row in shard["rows"]}
        if rows:
            seconds = sum(shard["seconds"] for shard in shards) / len(rows)
            yield (setting.parent.name, setting.name), Results(rows, seconds)


def _in_order(setting: Path) -> tuple[str, float, str]:
    name = setting.name
    return setting.parent.name, float(name) if name[0].isdigit() else 0.0, name


def _section(
    network: str, section: Section, found: Mapping[Key, Results], keys: Sequence[Key | None]
) -> Iterator[str]:
    if section.within:
        yield f"\n### {network}, {section.title}\n"
        yield from _within(section, found)
        return
    for saved, ours in zip((False, True), keys, strict=True):
        how = "saved on 8 bits" if saved else "as returned"
        beside = f", beside {ours[0]} {ours[1]}" if ours in found else ""
        yield f"\n### {network}, {section.title}, {how}{beside}\n"
        yield from _nearest(section, found, found.get(ours) if ours else None, saved)


def _nearest(
    section: Section, found: Mapping[Key, Results], ours: Results | None, saved: bool
) -> Iterator[str]:
    yield (
        "| contestant | setting | photos | forwards | gradients | s a photo | fooled | median "
        "| median to ours | ratio to ours, median (5-95 %) | nearer than ours | ours nearer |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|"
    for (name, setting), results in found.items():
        sizes = {photo: distance(row, section, saved) for photo, row in results.rows.items()}
        fooled = sum(map(math.isfinite, sizes.values()))
        yield _line(
            name, setting, str(len(sizes)), _mean(results, "forwards"), _mean(results, "backwards"),
            f"{results.seconds:.3f}", f"{fooled}", _size(statistics.median(sizes.values())),
            *_beside(sizes, ours, section, saved),
        )  # fmt: skip


def _beside(
    sizes: Mapping[int, float], ours: Results | None, section: Section, saved: bool
) -> tuple[str, ...]:
    """Ratios of medians and of each photo, theirs to ours; on how many photos each is nearer."""
    if ours is None or not (common := sorted(sizes.keys() & ours.rows.keys())):
        return ("",) * 4
    theirs = [sizes[photo] for photo in common]
    own = [distance(ours.rows[photo], section, saved) for photo in common]
    pairs = list(zip(theirs, own, strict=True))
    ratios = sorted(1.0 if a == b else a / b for a, b in pairs)  # 0: only they fool it
    low, high = (ratios[round(share * (len(ratios) - 1))] for share in (0.05, 0.95))
    middle, our_middle = statistics.median(theirs), statistics.median(own)
    median = middle / our_middle if math.isfinite(our_middle) else math.nan
    return (
        _ratio(median),
        f"{_ratio(statistics.median(ratios))} ({_ratio(low)} to {_ratio(high)})",
        f"{sum(a < b for a, b in pairs)} of {len(pairs)}",
        f"{sum(b < a for a, b in pairs)} of {len(pairs)}",
    )


def _within(section: Section, found: Mapping[Key, Results]) -> Iterator[str]:
    yield (
        "| contestant | radius | photos | forwards | gradients | s a photo "
        "| robust accuracy | robust accuracy, saved |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for (name, setting), results in sorted(found.items(), key=lambda item: float(item[0][1])):
        most = float(setting) * (1 + SLACK) + SLACK
        robust = [
            sum(distance(row, section, saved) > most for row in results.rows.values())
            / len(results.rows)
            for saved in (False, True)
        ]
        yield _line(
            name, setting, str(len(results.rows)), _mean(results, "forwards"),
            _mean(results, "backwards"), f"{results.seconds:.3f}", *(f"{it:.1%}" for it in robust),
        )  # fmt: skip


def distance(row: Row, section: Section, saved: bool) -> float:
    """How far one photo went in the section's norm; infinite where it is not fooled."""
    way = "rounded_" if saved else ""
    if not row[f"{way}fooled"]:
        return math.inf
    return row[f"{way}distance"][section.norm] * (255 if section.norm == "linf" else 1)


def _mean(results: Results, what: str) -> str:
    return f"{statistics.fmean(row[what] for row in results.rows.values()):.1f}"


def _size(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "none"


def _ratio(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "-"


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
