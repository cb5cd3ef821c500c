"""Contestants that take turns: each in its own process, all on the same files.

A contestant is a function that takes the folder with the inputs and returns another, its turn. The
turn is called once to warm up and once in each round, and returns how many photos it did.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Turn = Callable[[], int]
Contestant = Callable[[Path], Turn]


@dataclass
class Process:
    """One contestant at work; it waits for a line and answers with photos and seconds."""

    name: str
    child: subprocess.Popen[str]

    def wait_until_ready(self) -> None:
        self._line()

    def turn(self) -> dict[str, float]:
        assert self.child.stdin
        self.child.stdin.write("go\n")
        self.child.stdin.flush()
        return json.loads(self._line())

    def _line(self) -> str:
        assert self.child.stdout
        line = self.child.stdout.readline()
        if not line:
            raise SystemExit(f"the contestant {self.name} ended with {self.child.wait()}")
        return line


def serve(contestant: Contestant, folder: Path) -> None:
    """What a contestant's own process does."""
    answers = sys.stdout
    sys.stdout = sys.stderr
    turn = contestant(folder)
    turn()
    answers.write("ready\n")
    answers.flush()
    for _ in sys.stdin:
        started = time.perf_counter()
        photos = turn()
        seconds = time.perf_counter() - started
        answers.write(json.dumps({"photos": photos, "seconds": seconds}) + "\n")
        answers.flush()


def compete(
    script: Path, contestants: Mapping[str, Contestant], folder: Path, rounds: int
) -> dict[str, list[float]]:
    """Photos a second of each contestant in each round; one at a time, in turn."""
    processes = [
        Process(
            name,
            subprocess.Popen(
                [sys.executable, str(script), "--contestant", name, "--folder", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            ),
        )
        for name in contestants
    ]
    for process in processes:
        process.wait_until_ready()
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for process in processes:
            answer = process.turn()
            found[process.name].append(answer["photos"] / answer["seconds"])
    for process in processes:
        process.child.kill()
    return found


def report(found: Mapping[str, list[float]], ours: str, bars: Mapping[str, float]) -> str:
    """A table in Markdown: medians, spread, and our ratio of medians to each."""
    median = {name: statistics.median(speeds) for name, speeds in found.items()}
    lines = [
        f"| contestant | photos/s, median (lowest-highest) | {ours} to it | bar |",
        "|---|---|---|---|",
    ]
    for name, speeds in found.items():
        spread = f"{median[name]:,.1f} ({min(speeds):,.1f}-{max(speeds):,.1f})"
        bar = f"at least {bars[name]}" if name in bars else ""
        lines.append(f"| {name} | {spread} | {median[ours] / median[name]:.2f} | {bar} |")
    rounds = len(next(iter(found.values())))
    lines.append(f"\n{rounds} alternating rounds; {platform.machine()}, {platform.platform()}")
    return "\n".join(lines)


def parser(about: str) -> argparse.ArgumentParser:
    """The options that all benchmarks of contestants have."""
    options = argparse.ArgumentParser(description=about)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--json", type=Path, help="write each round's figures here")
    options.add_argument("--contestant", help=argparse.SUPPRESS)
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return options
