"""Bad input to every command: one line, status 2, nothing written."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pasunchat.__main__ import _in_one_line
from pasunchat.errors import PasunchatWarning

PHOTO = "photos/cat/0.png"
REFUSED = {
    "prepare: wrong path": ("prepare nowhere -o new", "nowhere"),
    "prepare: empty folder": ("prepare empty -o new", "empty"),
    "prepare: one class": ("prepare one -o new", "class"),
    "prepare: there already": ("prepare photos -o data --size 16", "--overwrite"),
    "prepare: no photos that open": ("prepare broken -o new", "cat"),
    "prepare: size": ("prepare photos -o new --size 0", "size"),
    "prepare: framing": ("prepare photos -o new --framing bent", "framing"),
    "prepare: drawn too small": ("prepare drawn:size=8 -o new", "16"),
    "prepare: split": ("prepare photos -o new --split 0.6 0.6 0.6", "split"),
    "summary: unknown": ("summary nothing", "nothing"),
    "summary: setting": ("summary dense:width=3", "units"),
    "summary: size": ("summary linear --size -3", "--size"),
    "summary: too large": ("summary dense:units=50176", "7,552,993,280"),
    "train: nothing": ("train", "photos"),
    "train: wrong path": ("train nowhere", "nowhere"),
    "train: unknown network": ("train data --network complex", "complex"),
    "train: precision": ("train data --precision fp8", "fp8"),
    "train: device": ("train data --device toaster", "toaster"),
    "train: no number": ("train data --epochs many", "--epochs"),
    "train: epochs": ("train data --epochs 0", "epochs"),
    "train: there already": ("train data --name simple", "--overwrite"),
    "train: name": ("train data --name ../x", "--name"),
    "train: size of a dataset": ("train data --size 16", "prepared already"),
    "train: no effect": ("train data --set augment.erase=0.5", "augment"),
    "train: start": ("train data --start nothing", "nothing"),
    "train: start of another size": ("train data --start shipped:simple", "do not fit"),
    "train: defend": ("train data --start simple --defend much", "linf:RADIUS"),
    "train: defend untrained": ("train data --network simple --defend linf:1/255", "--start"),
    "train: defend a frozen base": ("train data --defend linf:1/255", "smoothed:"),
    "train: defend by nothing measured": ("train data --network simple --defend auto", "--start"),
    "train: resume finished": ("train --resume runs/simple", "finished"),
    "train: resume nothing": ("train --resume runs/none", "no run"),
    "train: resume and data": ("train data --resume runs/simple", "leave DATA out"),
    "evaluate: unknown run": ("evaluate nothing", "nothing"),
    "evaluate: no run": ("evaluate photos", "holds no classifier"),
    "evaluate: wrong path": ("evaluate simple --data nowhere", "nowhere"),
    "evaluate: split": ("evaluate simple --split half", "half"),
    "evaluate: other size": ("evaluate simple --data data32", "size"),
    "evaluate: other classes": ("evaluate simple --data foxes", "classes"),
    "compare: no model": ("compare --data data", "MODEL"),
    "compare: no data": ("compare simple simple", "--data"),
    "compare: one model": ("compare simple --data data", "two"),
    "compare: twice": ("compare simple simple --data data", "twice"),
    "compare: the same run": ("compare simple runs/simple --data data", "same model"),
    "compare: unknown run": ("compare simple nothing --data data", "nothing"),
    "predict: wrong path": ("predict nowhere.jpg", "nowhere.jpg"),
    "predict: empty folder": ("predict empty", "empty"),
    "predict: unknown model": (f"predict {PHOTO} --model nothing", "shipped:tiny"),
    "predict: unknown shipped model": (f"predict {PHOTO} --model shipped:huge", "tiny"),
    "predict: no model": (f"predict {PHOTO} --model nothing", "nothing"),
    "predict: nothing opens": ("predict text.jpg", "text.jpg"),
    "predict: two forms": (f"predict {PHOTO} --json --csv", "--csv"),
    "fool: wrong path": ("fool nowhere.jpg", "nowhere.jpg"),
    "fool: no photo": ("fool text.jpg", "text.jpg"),
    "fool: unknown class": (f"fool {PHOTO} --as horse", "cat, dog"),
    "fool: unknown attack": (f"fool {PHOTO} --attack prayer", "learned-noise"),
    "fool: unknown setting": (f"fool {PHOTO} --attack learned-noise:force=3", "const"),
    "fool: setting out of range": (f"fool {PHOTO} --attack learned-noise:const=nan", "const"),
    "fool: no steps": (f"fool {PHOTO} --attack learned-noise:steps=0", "steps"),
    "fool: wrong setting": (f"fool {PHOTO} --attack learned-noise:steps=few", "steps"),
    "fool: mask that is no picture": (f"fool {PHOTO} --mask text.jpg", "text.jpg"),
    "fool: mask that is nowhere": (f"fool {PHOTO} --mask nowhere.png", "nowhere.png"),
    "fool: mask of another size": (f"fool {PHOTO} --full-size --mask white.png", "got 8 x 8"),
    "fool: black mask": (f"fool {PHOTO} --mask one/cat/0.png", "white"),
    "fool: seconds": (f"fool {PHOTO} --seconds 0", "seconds"),
    "fool: radius above all": (f"fool {PHOTO} --norm linf --radius 8", "8/255"),
    "fool: norm": (f"fool {PHOTO} --norm l3", "linf"),
    "fool: confidence": (f"fool {PHOTO} --confidence 95", "between 0 and 1"),
    "demo: unknown network": ("demo --network complex", "complex"),
    "fool: radius": (f"fool {PHOTO} --radius few", "--radius"),
    "attack: mask that is no picture": ("attack simple --data data --mask text.jpg", "text.jpg"),
    "attack: black mask": ("attack simple --data data --mask one/cat/0.png", "white"),
    "attack: seconds": ("attack simple --data data --seconds -1", "seconds"),
    "attack: no data": ("attack simple", "--data"),
    "attack: unknown run": ("attack nothing --data data", "nothing"),
    "attack: unknown attack": ("attack simple --data data --attack prayer", "learned-noise"),
    "attack: unknown norm": ("attack simple --data data --norm l3", "linf"),
    "attack: radius": ("attack simple --data data --radius few", "--radius"),
    "attack: no share": ("attack simple --data data --require 2/255", "SHARE@RADIUS"),
    "attack: share": ("attack simple --data data --require 50@2/255", "at most 1"),
    "attack: farther": ("attack simple --data data --radius 1 --require 0.5@2", "--radius"),
    "attack: effort": ("attack simple --data data --effort much", "thorough"),
    "attack: limit": ("attack simple --data data --limit 0", "1 photo or more"),
    "attack: confidence": ("attack simple --data data --confidence 2", "confidence"),
    "attack: split": ("attack simple --data data --split half", "half"),
    "attack: other size": ("attack simple --data data32", "size"),
    "attack: not ours": ("attack simple --data data -o photos", "holds no attack"),
    "verify: wrong path": ("verify nowhere.png", "nowhere.png"),
    "verify: no photo": ("verify text.jpg", "text.jpg"),
    "report: unknown run": ("report nothing", "nothing"),
    "report: there already": ("report simple -o text.jpg", "--overwrite"),
    "doctor: an argument": ("doctor nowhere", "nowhere"),
    "demo: there already": ("demo --name simple", "--overwrite"),
    "demo: wrong path": ("demo --photos nowhere", "nowhere"),
    "no such command": ("paint photos", "paint"),
    "no such option": ("predict --loudly", "--loudly"),
}


@pytest.fixture
def odd_place(place: Path) -> Path:
    (place / "empty").mkdir()
    (place / "one" / "cat").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(place / "one" / "cat" / "0.png")
    Image.new("RGB", (8, 8), "white").save(place / "white.png")
    for name in ("cat", "dog"):
        (place / "broken" / name).mkdir(parents=True)
        for index in range(5):
            (place / "broken" / name / f"{index}.jpg").write_bytes(b"no photo")
    (place / "text.jpg").write_text("not a photo at all")
    return place


@pytest.fixture
def other_data(odd_place: Path, make_photos: Callable[..., Path]) -> None:
    from pasunchat.photos.prepare import prepare

    prepare("photos", "data32", size=32)
    prepare(make_photos(odd_place / "fox-photos", {"fox": 6, "owl": 6}), "foxes", size=16)


@pytest.mark.usefixtures("other_data")
@pytest.mark.parametrize(("words", "named"), REFUSED.values(), ids=REFUSED)
def test_is_refused_in_one_line(
    odd_place: Path, call: Callable, files: Callable, words: str, named: str
) -> None:
    before = files(odd_place)
    said = call(*words.split())
    assert said.status == 2
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert named in said.err
    assert files(odd_place) == before


@pytest.mark.parametrize(
    "words",
    ["fool nowhere.jpg", f"fool {PHOTO} --radius few", f"fool {PHOTO} --norm linf --radius 8",
     f"fool {PHOTO} --confidence 95", f"fool {PHOTO} --seconds 0",
     "attack simple --data data --radius few", "predict nowhere.jpg"],
)  # fmt: skip
def test_a_slip_is_told_before_pytorch_is_imported(odd_place: Path, words: str) -> None:
    code = f"""
import sys
from pasunchat.__main__ import run
assert run({words.split()!r}) == 2
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_libraries_write_by_themselves_is_caught(odd_place: Path) -> None:
    """libtiff writes a line of its own for a compression that it does not know."""
    path = odd_place / "odd.tif"
    Image.new("RGB", (8, 8)).save(path, compression="tiff_lzw")
    lzw, webp = (b"\x03\x01\x03\x00\x01\x00\x00\x00" + code for code in (b"\x05\x00", b"\x51\xc3"))
    data = path.read_bytes()
    assert data.count(lzw) == 1
    path.write_bytes(data.replace(lzw, webp))
    command = [sys.executable, "-m", "pasunchat", "predict", path.name, PHOTO, "--model", "simple"]
    quiet, debug = (
        subprocess.run([*command, *more], capture_output=True, text=True)
        for more in ((), ("--debug",))
    )
    assert "no photo" in quiet.stdout and quiet.stdout == debug.stdout
    assert quiet.stderr.startswith("note: simple is your run") and quiet.stderr.count("\n") == 1
    assert "WEBP" in debug.stderr


def test_what_is_no_photo_among_photos_gets_a_reason(odd_place: Path, call: Callable) -> None:
    said = call("predict", "text.jpg", PHOTO)
    assert said.status == 1
    assert "no photo" in said.out


@pytest.mark.parametrize(
    "words",
    [
        "prepare photos --size 16 -o {}",
        "evaluate simple -o {}",
        f"fool {PHOTO} -o {{}}",
        "report simple -o {}/report.html",
    ],
)
@pytest.mark.skipif(
    not Path("/sys/kernel").is_dir(), reason="no folder that even root cannot write"
)
def test_no_right_to_write(odd_place: Path, call: Callable, words: str) -> None:
    said = call(*words.format("/sys/kernel/pasunchat").split())
    assert said.status == 2
    assert said.err.startswith("error: ") and said.err.count("\n") == 1
    assert "/sys/kernel" in said.err


@pytest.mark.parametrize(
    ("words", "final"),
    [
        ("prepare photos --size 16 -o new", "new"),
        ("train data --network simple --epochs 1 --name new", "runs/new/weights.safetensors"),
        ("evaluate simple -o new", "new"),
        (f"fool {PHOTO} -o new", "new/0.dog"),
        ("report simple -o new.html", "new.html"),
    ],
)
def test_a_full_disk(odd_place: Path, words: str, final: str) -> None:
    """No file may grow beyond 700 bytes, which ends writing as a full disk does."""

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))

    done = subprocess.run(
        [sys.executable, "-B", "-m", "pasunchat", *words.split()],
        cwd=odd_place,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MPLCONFIGDIR": str(odd_place / "empty")},
        preexec_fn=small_files_only,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert lines and lines[-1].startswith("error: ")
    assert not (odd_place / final).exists()


def test_debug_shows_where_it_came_from(place: Path, call: Callable) -> None:
    said = call("--debug", "predict", "nowhere.jpg")
    assert said.status == 2
    assert "Traceback" in said.err and said.err.strip().splitlines()[-1].startswith("error: ")


def test_a_warning_is_one_line_without_the_place_in_the_program() -> None:
    assert _in_one_line(PasunchatWarning("so it is"), PasunchatWarning, "a.py", 3) == (
        "warning: so it is\n"
    )
    other = _in_one_line(UserWarning("from elsewhere"), UserWarning, "a.py", 3)
    assert other.startswith("a.py:3: UserWarning: from elsewhere")
