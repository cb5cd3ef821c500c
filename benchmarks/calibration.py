"""calibration.json of a shipped classifier, from its evaluation on photos it was not trained on.

pasunchat evaluate shipped:NAME --data data224 --output evaluation-NAME
python benchmarks/calibration.py NAME evaluation-NAME
"""

import sys
from pathlib import Path

from pasunchat.classifiers.files import digest_on_record
from pasunchat.classifiers.shipped import shipped_folder
from pasunchat.explain.belief import CALIBRATION, UNSEEN, calibration_in
from pasunchat.storage import write_json


def write(name: str, evaluation: Path) -> None:
    """Write what an evaluation counted beside the card."""
    found = calibration_in(evaluation / "evaluation.json")
    if found.classifier != digest_on_record(shipped_folder(name)) or found.split not in UNSEEN:
        raise SystemExit(f"{evaluation} is not an evaluation of shipped:{name} on unseen photos")
    write_json(shipped_folder(name) / CALIBRATION, found)


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
