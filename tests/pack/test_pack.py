"""A packed page: whole or not at all, small, the same each time, and what is refused."""

import base64
import json
import re
import zipfile

import pytest

pytest.importorskip("starlette")

from pasunchat.errors import PasunchatError
from pasunchat.pack.pack import MOST_BYTES, _write, pack

FILES = ["index.html", "questions.fr.html", "questions.html"]


def boot(folder) -> dict:
    page = (folder / "index.html").read_text()
    return json.loads(
        re.search(r'<script type="application/json" id="boot">(.*?)</script>', page)[1]
    )


def test_a_folder_with_three_files_of_less_than_5_mb(packed):
    assert sorted(path.name for path in packed.iterdir()) == FILES
    assert sum(path.stat().st_size for path in packed.iterdir()) < MOST_BYTES


def test_nothing_in_it_comes_from_elsewhere(packed):
    for name in FILES:
        page = (packed / name).read_text()
        assert not re.findall(r'(?:src|href)="(?:https?:)?//(?!www\.w3\.org)[^"]*"', page)
        assert "default-src 'none'" in page


def test_the_users_photo_comes_first_and_keeps_its_name(packed):
    first = boot(packed)
    assert [sample["name"] for sample in first["samples"]][:2] == ["dog-2", "chelsea"]
    shown = first["pack"]["falls"][first["pack"]["shown"]]
    assert shown["facts"]["photo"]["file"]["name"] == "dog.jpg"
    assert str(packed.parent) not in (packed / "index.html").read_text()


def test_no_folder_of_the_user_is_told(packed, run):
    page = (packed / "index.html").read_text()
    pictures = re.findall(r'data:image/png;base64,([^"]+)"', page)
    told = [page.encode(), *map(base64.b64decode, pictures)]
    assert len(told) > 10 and not [each for each in told if str(run.parent).encode() in each]
    facts = boot(packed)
    assert facts["models"][0]["name"] == run.name
    for fall in facts["pack"]["falls"].values():
        assert f" --model {run.name} " in fall["facts"]["command"]


def test_each_photo_but_the_coffee_has_a_finished_fall(packed):
    facts = boot(packed)["pack"]
    names = {name.removeprefix("fall-") for name in facts["falls"]}
    samples = {name.removeprefix("sample-") for name in facts["photos"] if "fall-" not in name}
    assert samples - names == {"coffee"}
    for fall in facts["falls"].values():
        assert fall["facts"]["picture"] in facts["photos"]
        assert len(fall["facts"]["film"]) == 29
        assert len(fall["facts"]["survival"]) == 13


def test_the_questions_say_what_the_page_says(packed):
    for name, lang in (("questions.html", "en"), ("questions.fr.html", "fr")):
        sheet = (packed / name).read_text()
        assert f'<html lang="{lang}">' in sheet
        assert "3,072" in sheet or "3\u202f072" in sheet
        assert "{" not in re.sub(r"<style>.*?</style>", "", sheet, flags=re.S)


def test_the_same_command_gives_the_same_bytes(packed, pack_quickly, run, own_photo, tmp_path):
    again = tmp_path / "again"
    pack_quickly(str(run), again, [own_photo])
    for name in FILES:
        assert (again / name).read_bytes() == (packed / name).read_bytes()


def test_a_zip_holds_the_same_files_the_same_each_time(tmp_path):
    files = {"index.html": b"<p>", "questions.html": b"?"}
    for name in ("one.zip", "two.zip"):
        (tmp_path / name[:3]).mkdir()
        _write(files, tmp_path / name[:3] / "page.zip", overwrite=False)
    one, two = ((tmp_path / name / "page.zip").read_bytes() for name in ("one", "two"))
    assert one == two
    with zipfile.ZipFile(tmp_path / "one" / "page.zip") as archive:
        assert archive.namelist() == ["page/index.html", "page/questions.html"]


def test_what_exists_is_not_replaced(packed, run):
    with pytest.raises(PasunchatError, match="exists already"):
        pack(str(run), packed)


def test_a_photo_that_is_none_leaves_nothing_behind(run, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture at all")
    with pytest.raises(PasunchatError, match=r"bad\.jpg"):
        pack(str(run), tmp_path / "page", [bad])
    assert [path.name for path in tmp_path.iterdir()] == ["bad.jpg"]


def test_a_model_without_a_size_is_refused(monkeypatch, tmp_path):
    from torch import nn

    from pasunchat.classifiers.classifier import Classifier
    from pasunchat.pack import pack as job

    layers = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    monkeypatch.setattr(job, "load", lambda _: Classifier(layers))
    with pytest.raises(PasunchatError, match=r"any\.py states no size"):
        pack("any.py", tmp_path / "page")
