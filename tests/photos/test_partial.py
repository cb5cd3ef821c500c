"""A job that is killed, torn, crowded or out of room, and run again."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import pasunchat
from pasunchat.photos.image import read_photo
from pasunchat.photos.prepare import prepare

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(pasunchat.__file__).parents[1])}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


KILLED = """
import os, signal, sys
from pasunchat.photos import prepare as job
source, output, point = sys.argv[1:]
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if point == "end":
    job.put_in_place = die
def progress(done, total):
    if str(done) == point:
        die()
job.prepare([source], output, size=16, progress=progress)
"""


def killed_at(point: str, source: Path, output: Path) -> None:
    arguments = [sys.executable, "-c", KILLED, str(source), str(output), point]
    ended = subprocess.run(arguments, env=ENVIRONMENT, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert not output.exists()


@pytest.fixture
def whole(photos: Path, tmp_path: Path) -> dict[str, bytes]:
    """The bytes of an uninterrupted run, on photos of which one is skipped."""
    (photos / "cat" / "13.jpg").write_bytes(b"no photo")
    prepare([photos], tmp_path / "whole", size=16)
    return contents(tmp_path / "whole")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
@pytest.mark.parametrize("points", [["0"], ["1", "5"], ["17", "30"], ["40"], ["end"]])
def test_killed_and_run_again_gives_the_same_bytes(
    points: list[str], photos: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    for point in points:
        killed_at(point, photos, tmp_path / "again")
    seen: list[int] = []
    prepare([photos], tmp_path / "again", size=16, progress=lambda done, _: seen.append(done))
    assert contents(tmp_path / "again") == whole
    finished = 40 if points[-1] == "end" else int(points[-1])
    assert seen[0] == finished, "it goes on after the last finished photo"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def stopped_at(point: int) -> Callable[[int, int], None]:
    def progress(done: int, _: int) -> None:
        if done == point:
            raise KeyboardInterrupt

    return progress


def tear_pixels(unfinished: Path) -> None:
    """The power went: the last blocks never reached the disk."""
    path = unfinished / "dataset" / "pixels.npy"
    os.truncate(path, path.stat().st_size - 1000)


def garble_pixels(unfinished: Path) -> None:
    path = unfinished / "dataset" / "pixels.npy"
    path.write_bytes(path.read_bytes()[:-1000] + bytes(1000))


def tear_rows(unfinished: Path) -> None:
    path = unfinished / "rows.jsonl"
    path.write_bytes(path.read_bytes()[:-10])


def garble_rows(unfinished: Path) -> None:
    with (unfinished / "rows.jsonl").open("ab") as file:
        file.write(bytes(50) + b"\n")


def lose_pixels(unfinished: Path) -> None:
    (unfinished / "dataset" / "pixels.npy").unlink()


@pytest.mark.parametrize(
    "damage", [tear_pixels, garble_pixels, tear_rows, garble_rows, lose_pixels]
)
def test_a_torn_part_is_cut_back_to_what_is_whole(
    damage: Callable[[Path], None], photos: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepare([photos], tmp_path / "again", size=16, progress=stopped_at(20))
    (unfinished,) = tmp_path.glob(".again.part-*")
    damage(unfinished)
    prepare([photos], tmp_path / "again", size=16)
    assert contents(tmp_path / "again") == whole


def test_the_part_of_other_settings_is_removed(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for size in (8, 9):
        with pytest.raises(KeyboardInterrupt):
            prepare([photos], tmp_path / "out" / "a", size=size, progress=stopped_at(3))
        assert len(list((tmp_path / "out").glob(".a.part-*"))) == 1
    with pytest.raises(KeyboardInterrupt):
        prepare([photos], tmp_path / "out" / "b", size=8, progress=stopped_at(3))
    prepare([photos], tmp_path / "out" / "a", size=10)
    names = sorted(path.name.partition(".part-")[0] for path in (tmp_path / "out").iterdir())
    assert names == [".b", "a"], "another output's partial folder is left alone"


def test_changed_photos_are_read_anew(photos: Path, tmp_path: Path, make_jpeg: Callable) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepare([photos], tmp_path / "a", size=8, progress=stopped_at(30))
    (photos / "cat" / "0.jpg").write_bytes(make_jpeg(12345))
    dataset = prepare([photos], tmp_path / "a", size=8)
    assert np.array_equal(dataset.pixels[0], read_photo(photos / "cat" / "0.jpg", 8, "pad"))


NO_ROOM = """
import resource, signal, sys
from pasunchat.photos.prepare import prepare
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), -1))
try:
    prepare([sys.argv[1]], sys.argv[2], size=16)
except OSError:
    sys.exit(2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits files as a full disk does, on Linux")
@pytest.mark.parametrize("room", [100, 5000])
def test_a_full_disk_leaves_nothing_under_the_name(
    room: int, photos: Path, tmp_path: Path, whole: dict[str, bytes]
) -> None:
    arguments = [sys.executable, "-c", NO_ROOM, str(photos), str(tmp_path / "again"), str(room)]
    ended = subprocess.run(arguments, env=ENVIRONMENT, timeout=60)
    assert ended.returncode == 2
    assert not (tmp_path / "again").exists()
    prepare([photos], tmp_path / "again", size=16)
    assert contents(tmp_path / "again") == whole


def test_two_processes_share_one_cached_dataset(photos: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pasunchat.photos.prepare import prepared\n"
        "print(prepared([sys.argv[1]], size=16).folder)"
    )
    env = {**ENVIRONMENT, "PASUNCHAT_HOME": str(tmp_path / "home")}
    arguments = [sys.executable, "-c", code, str(photos)]
    jobs = [subprocess.Popen(arguments, env=env, stdout=subprocess.PIPE) for _ in range(3)]
    folders = {job.communicate(timeout=60)[0] for job in jobs}
    assert [job.returncode for job in jobs] == [0, 0, 0]
    assert len(folders) == 1
    assert len(list((tmp_path / "home" / "datasets").iterdir())) == 1
