"""Attacks side by side with adv-lib, Foolbox and torchattacks: how near, and how fast.

    python benchmarks/attacks.py talk talk-simple.h5 --folder talk
    python benchmarks/attacks.py photos PHOTOS.zip --folder FOLDER --network A=talk \\
        --network B=runs/simple --network E=efficientnet-lite0 --first B=names.txt
    python benchmarks/attacks.py run --folder FOLDER --whose peers
    python benchmarks/attacks.py run --folder FOLDER --whose ours
    python benchmarks/attacks.py table --folder FOLDER
    python benchmarks/attacks.py many --folder FOLDER
    python benchmarks/attacks.py time A turning-256/20 ddn-256/100 --folder FOLDER --photos 16

`run` may be stopped and started again: it does what FOLDER does not hold yet. Its seconds are those
of a machine that may do other things; `time` lets contestants take turns, each in its own process.
How the peers are installed: attack_peers.py. What is compared: attack_plan.py. `many`: networks of
3 to 1,000 classes, which attack_many_classes.py makes.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import torch
from attack_contestant import Contestant as Attacker
from attack_networks import choose, chosen
from attack_plan import CONTESTANTS, MANY, plan
from attack_shards import run
from attack_tables import many_classes, tables
from attack_talk import simple_of_keras
from contestants import Contestant, Turn, compete, report, serve

from pasunchat.runtime import keep_pages

AGAINST = {  # what the tables compare all with: as returned, and saved on 8 bits
    "l2": "turning/normal",
    "l2-saved": "turning-256/normal",
    "sure": "turning-256-95/normal",
    "linf": "ours-linf/normal",
    "l1": "ours-l1-float/normal",
    "l1-saved": "ours-l1/normal",
    "l0": "ours-l0-float/normal",
    "l0-saved": "ours-l0/normal",
    "pixels": "ours-pixels/normal",
}
TASK = "time.json"


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = options.add_subparsers(dest="command", required=True)
    photos = commands.add_parser("photos", help="choose photos each network classifies correctly")
    talk = commands.add_parser("talk", help="write the talk's Keras file as a classifier of ours")
    talk.add_argument("file")
    photos.add_argument("source", help="folder or zip with the class in each name")
    photos.add_argument("--network", action="append", required=True, metavar="NAME=MODEL")
    photos.add_argument("--first", action="append", default=[], metavar="NAME=FILE")
    photos.add_argument("--most", type=int, default=200, help="number of photos of each network")
    running = commands.add_parser("run", help="run the jobs that are not done yet")
    running.add_argument("--whose", choices=("peers", "ours", "all"), default="all")
    running.add_argument("--network", action="append", default=[])
    running.add_argument("--section", action="append", default=[])
    running.add_argument("--contestant", action="append", default=[])
    running.add_argument("--setting", action="append", default=[])
    table = commands.add_parser("table", help="print what was found, as Markdown")
    table.add_argument("--network", action="append", default=[])
    table.add_argument(
        "--against", action="append", default=[], metavar="SECTION[-saved]=NAME/SETTING"
    )
    many = commands.add_parser("many", help="print the table of networks of many classes")
    timed = commands.add_parser("time", help="time contestants in turn; the first is ours")
    timed.add_argument("network")
    timed.add_argument("contestants", nargs="+", metavar="NAME/SETTING")
    timed.add_argument("--photos", type=int, default=16)
    timed.add_argument("--rounds", type=int, default=5)
    timed.add_argument("--json", type=Path, help="write each round's figures here")
    for command in (talk, photos, running, table, many, timed):
        command.add_argument("--folder", type=Path, required=True)
    for command in (running, timed):
        command.add_argument("--threads", type=int, default=1)
        command.add_argument("--device", default="cpu")
    return options


def pairs(words: list[str]) -> dict[str, str]:
    """Words of the form NAME=VALUE as a dict."""
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def choose_photos(given: argparse.Namespace) -> None:
    first = {name: set(Path(file).read_text().split()) for name, file in pairs(given.first).items()}
    choose(given.folder, pairs(given.network), given.source, given.most, first)


def run_jobs(given: argparse.Namespace) -> None:
    jobs = plan(given.whose, given.network, given.section, given.contestant)
    jobs = [job for job in jobs if not given.setting or job.setting in given.setting]
    run(given.folder, jobs, given.threads, given.device)


def print_tables(given: argparse.Namespace) -> None:
    against = {**AGAINST, **pairs(given.against)}
    ours = {section: (name.split("/")[0], name.split("/")[1]) for section, name in against.items()}
    print(tables(given.folder, ours, given.network))


def timing(attacker: Attacker, setting: str) -> Contestant:
    """A contestant whose turn is one attack on all photos of the task."""

    def contestant(place: Path) -> Turn:
        task = json.loads((place / TASK).read_text())
        keep_pages()
        torch.set_num_threads(task["threads"])
        photos = chosen(Path(task["folder"]), task["network"], 0, task["photos"], task["device"])

        def turn() -> int:
            torch.manual_seed(attacker.seed)
            found = attacker.attack(photos.classifier, photos.pixels, photos.labels, setting)
            return len(found.pixels.cpu())  # which waits for the device

        return turn

    return contestant


def named(word: str) -> Contestant:
    """The contestant of NAME/SETTING."""
    name, _, setting = word.partition("/")
    return timing(CONTESTANTS[name], setting)


def time_contestants(given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as place:
        task = {
            "folder": str(given.folder.resolve()),
            "network": given.network,
            "photos": given.photos,
            "threads": given.threads,
            "device": given.device,
        }
        (Path(place) / TASK).write_text(json.dumps(task))
        entered = {word: named(word) for word in given.contestants}
        found = compete(Path(__file__), entered, Path(place), given.rounds)
    print(report(found, given.contestants[0], {}))
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))


COMMANDS = {
    "talk": lambda given: simple_of_keras(given.file, given.folder),
    "photos": choose_photos,
    "run": run_jobs,
    "table": print_tables,
    "many": lambda given: print(many_classes(given.folder, MANY.split())),
    "time": time_contestants,
}


def main() -> None:
    if sys.argv[1:2] == ["--contestant"]:  # a process of `time`, started by contestants.py
        _, _, word, _, folder = sys.argv
        serve(named(word), Path(folder))
        return
    given = parser().parse_args()
    COMMANDS[given.command](given)


if __name__ == "__main__":
    main()
