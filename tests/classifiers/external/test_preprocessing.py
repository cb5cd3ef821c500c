from pathlib import Path

import pytest

from pasunchat.classifiers.external.preprocessing import (
    Preprocessing,
    complete,
    name_and_preprocessing,
)
from pasunchat.errors import PasunchatError


@pytest.mark.parametrize(
    "name",
    ["model.onnx", "C:\\models\\cat.onnx", "timm:resnet18", "hf:a/b", "my.code:net", "runs/x"],
)
def test_a_name_stays_whole_with_and_without_settings(name: str) -> None:
    assert name_and_preprocessing(name) == (name, Preprocessing())
    assert name_and_preprocessing(f"{name}:size=64") == (name, Preprocessing(size=64))


def test_every_fact_can_be_said() -> None:
    text = (
        "m.onnx:mean=0.485/0.456/0.406,std=0.2,scale=1,channels=bgr,size=32,framing=crop,"
        "classes=cat/dog, or so"
    )
    assert name_and_preprocessing(text)[1] == Preprocessing(
        scale="0..1",
        mean=(0.485, 0.456, 0.406),
        std=(0.2,),
        channels="BGR",
        size=32,
        framing="crop",
        classes=("cat", "dog, or so"),
    )


def test_many_classes_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("cat\ndog\n\nfox/vixen\n")
    said = name_and_preprocessing(f"m.onnx:classes={tmp_path}/names.txt")[1]
    assert said.classes == ("cat", "dog", "fox/vixen")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ("scale=2", "0..255"),
        ("mean=a/b/c", "mean"),
        ("mean=1/2", "three"),
        ("std=0/1/1", "above 0"),
        ("size=big", "size"),
        ("size=0", "size"),
        ("channels=RGBA", "BGR"),
        ("framing=bent", "squash"),
        ("classes=cat/cat", "different"),
        ("classes=cat", "two names"),
        ("colour=red", "its settings: scale"),
        ("scale=255,mean=0.485/0.456/0.406", "mean=123.675/116.28/103.53"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: str, named: str) -> None:
    with pytest.raises(PasunchatError, match=named):
        name_and_preprocessing(f"m.onnx:{settings}")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_of_names_may_begin_with_its_mark(encoding: str, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("kočka\r\n犬\n\n", encoding=encoding)
    assert name_and_preprocessing(f"m.onnx:classes={names}")[1].classes == ("kočka", "犬")


def test_a_file_of_names_in_another_encoding_is_refused(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_bytes("chat\nchat échaudé\n".encode("latin-1"))
    with pytest.raises(PasunchatError, match=r"names\.txt in UTF-8, .* in line 2\); save it"):
        name_and_preprocessing(f"m.onnx:classes={names}")


def test_what_is_said_stands_over_what_is_stated() -> None:
    asked, stated = Preprocessing(scale="0..255"), Preprocessing(scale="0..1", size=32)
    assert asked.over(stated) == Preprocessing(scale="0..255", size=32)


def test_what_is_missing_is_said_exactly() -> None:
    with pytest.raises(PasunchatError, match=r"m\.onnx:scale=0\.\.1,size=224"):
        complete(Preprocessing(), "m.onnx")
    with pytest.raises(PasunchatError, match=r"m\.onnx:size=224$"):
        complete(Preprocessing(scale="0..1"), "m.onnx")
    assert complete(Preprocessing(scale="0..1", size=8), "m.onnx").mean is None
