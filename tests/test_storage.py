import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from pasunchat.errors import PasunchatError
from pasunchat.storage import (
    cache_folder,
    from_json,
    put_in_place,
    read_json,
    readable,
    refuse_existing,
    sha256,
    shortened,
    to_json,
    whole_file,
    whole_folder,
    write_bytes,
    write_json,
)


@dataclass(frozen=True)
class Fact:
    name: str
    share: float
    sides: tuple[int, ...] = ()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_names_that_are_no_utf_8_are_readable_or_refused() -> None:
    name = os.fsdecode(b"caf\xe9")
    assert readable(name) == r"caf\xe9" and readable("café") == "café"
    with pytest.raises(PasunchatError, match="rename it"):
        to_json({"path": name})


@pytest.mark.parametrize("most", [1, 2, 3, 4, 100])
def test_a_shortened_text_is_an_end_of_it_in_whole_characters(most: int) -> None:
    for text in ("abc", "写真", "aé写"):
        found = shortened(text, most)
        assert text.endswith(found) and len(found.encode()) <= most


def test_a_file_is_written_whole_into_a_new_folder(tmp_path: Path) -> None:
    write_bytes(tmp_path / "deep" / "a.bin", b"abc")
    assert (tmp_path / "deep" / "a.bin").read_bytes() == b"abc"
    assert names(tmp_path / "deep") == ["a.bin"]


def test_a_failed_file_leaves_what_was_there(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a.bin", b"old")
    with pytest.raises(RuntimeError), whole_file(tmp_path / "a.bin") as part:
        part.write_bytes(b"ne")
        raise RuntimeError
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "run") as part:
        (part / "a").write_text("half")
        raise RuntimeError
    assert names(tmp_path) == []
    with whole_folder(tmp_path / "run") as part:
        (part / "a").write_text("all")
        assert not (tmp_path / "run").exists()
    assert (tmp_path / "run" / "a").read_text() == "all"
    assert names(tmp_path) == ["run"]


def test_a_folder_is_replaced_only_when_told(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "old").touch()
    with pytest.raises(PasunchatError, match="--overwrite"), whole_folder(tmp_path / "run"):
        pass
    assert names(tmp_path / "run") == ["old"]
    with whole_folder(tmp_path / "run", overwrite=True) as part:
        (part / "new").touch()
    assert names(tmp_path / "run") == ["new"]
    assert names(tmp_path) == ["run"]


def test_put_in_place_and_refuse_existing(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    put_in_place(tmp_path / "part", tmp_path / "whole")
    assert names(tmp_path) == ["whole"]
    with pytest.raises(PasunchatError, match="whole exists already"):
        refuse_existing(tmp_path / "whole", overwrite=False)
    refuse_existing(tmp_path / "whole", overwrite=True)
    refuse_existing(tmp_path / "other", overwrite=False)


def test_facts_come_back_as_they_were(tmp_path: Path) -> None:
    fact = Fact("chat échaudé", 0.1, (1, 2))
    write_json(tmp_path / "fact.json", fact)
    assert read_json(tmp_path / "fact.json", Fact) == fact
    assert (tmp_path / "fact.json").read_bytes().endswith(b"}\n")


@pytest.mark.parametrize(
    ("text", "named"), [('{"name": "a"}', "share"), ('{"name": 1, "share": 1}', "name"), ("{", "")]
)
def test_a_wrong_field_is_named(text: str, named: str) -> None:
    with pytest.raises(PasunchatError, match=rf"facts.json is damaged .*{named}"):
        from_json(text, Fact, "facts.json")


def test_digest_counts_each_part_apart() -> None:
    assert sha256("ab", "c") != sha256("a", "bc")
    assert sha256("ab") == sha256(b"ab")
    assert len(sha256()) == 64


def test_the_cache_is_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASUNCHAT_HOME", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("PASUNCHAT_HOME")
    assert cache_folder().name == "pasunchat"
    assert cache_folder() != Path(os.curdir)
