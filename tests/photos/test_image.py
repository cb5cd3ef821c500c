import csv
import io
import struct
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pasunchat.errors import PasunchatError
from pasunchat.framing import FRAMINGS
from pasunchat.photos.image import (
    PhotoError,
    decode_photo,
    near_size,
    open_photo,
    read_photo,
    read_png_texts,
    write_png,
)

UPRIGHT = np.zeros((32, 48, 3), np.uint8)  # four corners, four colours
UPRIGHT[:16, :24] = (255, 0, 0)
UPRIGHT[:16, 24:] = (0, 255, 0)
UPRIGHT[16:, :24] = (0, 0, 255)

# how a camera stores the upright picture under each orientation
STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a),
    7: lambda a: np.rot90(a.transpose(1, 0, 2), 2),
    8: lambda a: np.rot90(a, 3),
}


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def with_orientation(pixels: np.ndarray, orientation: int, kind: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {"lossless": True}
    return saved(picture, kind, exif=exif, **options)


def numbers(data: bytes) -> np.ndarray:
    photo = decode_photo(data)
    assert photo.picture.mode == "RGB"
    return np.asarray(photo.picture)


@pytest.mark.parametrize("orientation", STORED)
def test_upright_under_every_orientation(orientation: int) -> None:
    data = with_orientation(STORED[orientation](UPRIGHT), orientation)
    photo = decode_photo(data)
    assert (photo.width, photo.height) == (48, 32)
    assert np.abs(np.asarray(photo.picture).astype(int) - UPRIGHT).max() <= 4
    lossless = with_orientation(STORED[orientation](UPRIGHT), orientation, "WEBP")
    assert np.array_equal(numbers(lossless), UPRIGHT)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("scale", [8, 7])
def test_fast_decoding_is_upright_smaller_and_near(orientation: int, scale: int) -> None:
    big = np.asarray(Image.fromarray(UPRIGHT).resize((48 * scale, 32 * scale)))
    data = with_orientation(STORED[orientation](big), orientation)
    fast = decode_photo(data, near=near_size(48, "pad", "fast"))
    assert (fast.width, fast.height) == (48 * scale, 32 * scale)
    if scale == 8:
        assert fast.picture.size == (48, 32)
    exact = decode_photo(data).square(48, "pad").astype(int)
    assert np.abs(fast.square(48, "pad") - exact).mean() < 3


def test_fast_decoding_does_not_stretch_odd_sizes() -> None:
    """Half of 375 pixels is 187.5: the 188th row of the half-size picture is half a row."""
    rows = np.tile(np.linspace(0, 255, 375)[:, None, None], (1, 501, 3)).astype(np.uint8)
    data = saved(Image.fromarray(rows), "JPEG", quality=100)
    photo = decode_photo(data, near=near_size(224, "pad", "fast"))
    assert photo.picture.size == (251, 188)
    assert photo.box == (0, 0, 250.5, 187.5)
    exact = decode_photo(data).square(224, "pad").astype(int)
    assert np.abs(photo.square(224, "pad") - exact).mean() < 0.5


def test_fast_decoding_leaves_small_and_other_files_exact() -> None:
    near = near_size(40, "pad", "fast")
    for data in (saved(Image.fromarray(UPRIGHT), "JPEG"), saved(Image.fromarray(UPRIGHT))):
        assert np.array_equal(np.asarray(decode_photo(data, near=near).picture), numbers(data))


def grey(values: list[float], kind: type) -> Image.Image:
    return Image.fromarray(np.array([values], kind))


@pytest.mark.parametrize(
    ("picture", "wanted"),
    [
        (grey([0, 257 * 100, 65535], np.uint16), [0, 100, 255]),
        (grey([0, 257 * 7, 65535], np.int32), [0, 7, 255]),
        (grey([-100, 0, 100], np.int32), [0, 128, 255]),
        (grey([0, 0.2, 1], np.float32), [0, 51, 255]),
        (grey([-3, 0, 3], np.float32), [0, 128, 255]),
        (grey([5, 5, 5], np.float32), [0, 0, 0]),
        (grey([float("nan"), float("inf"), 1], np.float32), [0, 0, 255]),
        (grey([0, 9, 200], np.uint8), [0, 9, 200]),
    ],
)
def test_deep_grey_is_scaled_and_not_clipped(picture: Image.Image, wanted: list[int]) -> None:
    pixels = numbers(saved(picture, "TIFF"))
    assert pixels[0, :, 0].tolist() == wanted
    assert (pixels == pixels[..., :1]).all()


def test_transparency_is_laid_over_white() -> None:
    for mode, colour in {"RGBA": (255, 0, 0, 0), "LA": (0, 0)}.items():
        assert (numbers(saved(Image.new(mode, (3, 3), colour))) == 255).all()
    half = numbers(saved(Image.new("RGBA", (3, 3), (255, 0, 0, 128))))
    assert half[0, 0].tolist() == [255, 127, 127]
    palette = Image.new("P", (3, 3), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    assert (numbers(saved(palette)) == 9).all()
    assert (numbers(saved(palette, transparency=1)) == 255).all()


def test_other_modes_and_animations() -> None:
    assert (numbers(saved(Image.new("1", (3, 3), 1))) == 255).all()
    assert (numbers(saved(Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "TIFF"))[0, 0]).tolist() == [
        255, 0, 0
    ]  # fmt: skip
    white = numbers(saved(Image.new("LAB", (3, 3), (255, 128, 128)), "TIFF"))
    assert white.min() > 250
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    moving = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert numbers(moving)[0, 0].tolist() == [255, 0, 0]


def heic(brand: bytes) -> bytes:
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + b"mif1" + bytes(40)


PNG = saved(Image.fromarray(UPRIGHT))
JPEG = saved(Image.fromarray(UPRIGHT), "JPEG")
BAD: dict[str, list[bytes]] = {
    "empty": [b""],
    "not-an-image": [b"not a photo\n" * 9, b"<!DOCTYPE html><html></html>"],
    "heic": [heic(b"heic"), heic(b"mif1")],
    "unsupported": [heic(b"mp42")],
    "cut-short": [JPEG[:-40], PNG[: len(PNG) // 2]],
    "damaged": [JPEG[:20], PNG[:20], b"GIF89a" + bytes(4)],
    "too-large": [b"BM" + bytes(12) + struct.pack("<IiiHH", 40, 60000, 60000, 1, 24) + bytes(24)],
}


@pytest.mark.parametrize(("reason", "data"), [(r, d) for r, many in BAD.items() for d in many])
def test_what_cannot_be_opened_says_why(reason: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "rex.jpg").write_bytes(data)
    with pytest.raises(PhotoError) as caught:
        open_photo(tmp_path / "rex.jpg")
    assert caught.value.reason == reason
    assert "rex.jpg: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_large_but_sane_picture_opens_without_a_warning() -> None:
    """Between Pillow's warning and its refusal (as here: 100 million pixels) a photo is a photo."""
    data = saved(Image.new("L", (10_000, 10_000)), "JPEG")
    photo = decode_photo(data, near=near_size(224, "pad", "fast"))
    assert (photo.width, photo.height, photo.picture.size) == (10_000, 10_000, (1250, 1250))


@pytest.mark.parametrize("make", [lambda p: p / "none.jpg", lambda p: p])
def test_a_path_that_is_no_file(make: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(PasunchatError, match="cannot be read"):
        read_photo(make(tmp_path), 8, "pad")


def test_damaged_exif_counts_as_upright() -> None:
    exif = b"Exif\0\0" + b"II*\0\xff\xff\xff\xff" + bytes(10)
    data = saved(Image.fromarray(UPRIGHT), "JPEG", exif=exif)
    assert decode_photo(data).picture.size == (48, 32)


def test_warnings_stay_inside_and_filters_come_back() -> None:
    """A malformed multi-picture segment makes Pillow warn; from threads too, nothing leaks."""
    data = saved(Image.fromarray(UPRIGHT), "JPEG")
    segment = b"MPF\0" + b"II*\0" + bytes(8)
    loud = data[:2] + b"\xff\xe2" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
    with pytest.warns(UserWarning):
        Image.open(io.BytesIO(loud))
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        photos = list(pool.map(decode_photo, [loud] * 200))
    assert all(photo.picture.size == (48, 32) for photo in photos)
    assert warnings.filters == before


@pytest.mark.parametrize("framing", FRAMINGS)
def test_read_photo_is_decoding_and_framing(framing: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    pixels = read_photo(tmp_path / "a.png", 16, framing)
    assert pixels.shape == (16, 16, 3)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, decode_photo(PNG).square(16, framing))


def test_png_is_exact_carries_its_texts_and_has_the_same_bytes(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    texts = {"pasunchat": '{"goal": "cat"}', "comment": "chat échaudé 猫"}
    write_png(tmp_path / "a.png", pixels, texts)
    write_png(tmp_path / "b.png", pixels, dict(reversed(texts.items())))
    assert np.array_equal(read_photo(tmp_path / "a.png", 20, "pad"), pixels)
    assert read_png_texts(tmp_path / "a.png") == texts
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_texts_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    assert read_png_texts(tmp_path / "a.jpg") == {}
    (tmp_path / "b.png").write_bytes(b"no image")
    with pytest.raises(PhotoError, match=r"b\.png"):
        read_png_texts(tmp_path / "b.png")


def test_every_odd_file_ends_as_its_list_says(odd_files: zipfile.ZipFile) -> None:
    listed = csv.DictReader(io.TextIOWrapper(odd_files.open("README.csv"), encoding="utf-8"))
    wrong = []
    for row in listed:
        found = outcome(odd_files.read(row["file"]))
        if not fits(row["expected outcome"], found):
            wrong.append((row["file"], row["expected outcome"], found))
    assert wrong == []


def outcome(data: bytes) -> str:
    results = set()
    for near in (None, near_size(64, "pad", "fast")):
        try:
            photo = decode_photo(data, near=near)
            assert photo.square(64, "pad").shape == (64, 64, 3)
            results.add(f"opens {photo.width}x{photo.height}")
        except PhotoError as error:
            results.add(f"error {error.reason}")
    assert len(results) == 1, f"fast and exact decoding disagree: {results}"
    return results.pop()


def fits(expected: str, found: str) -> bool:
    if "HEIF" in expected or "pillow-heif" in expected:
        return found == "error heic"
    if "bomb" in expected:
        return found == "error too-large"
    if expected.startswith("error"):
        return found.startswith("error")
    return found.startswith("opens") or " or " in expected or "else" in expected


ODD_DAMAGE = {
    "own_zero_bytes.jpg": "empty",
    "own_text.jpg": "not-an-image",
    "own_half_photo.jpg": "cut-short",
    "own_heic_named.jpg": "heic",
    "own_bomb_32000x32000.png": "too-large",
    "pil_png_decompression_dos.png": "too-large",
    "pil_truncated_image.png": "cut-short",
}


@pytest.mark.parametrize(("name", "reason"), ODD_DAMAGE.items())
def test_reasons_of_odd_files(name: str, reason: str, odd_files: zipfile.ZipFile) -> None:
    assert outcome(odd_files.read(name)) == f"error {reason}"


def test_odd_landscapes_are_one_photo(odd_files: zipfile.ZipFile) -> None:
    """The same scene stored under eight orientations: upright, they look alike."""
    names = [f"exs_landscape_{turn}.jpg" for turn in (1, 3, 4, 5, 6, 7, 8)]
    squares = [
        decode_photo(odd_files.read(name)).square(16, "squash").astype(int) for name in names
    ]
    for square in squares[1:]:
        assert np.abs(square - squares[0]).mean() < 25
    turned = squares[0][::-1]
    assert np.abs(turned - squares[0]).mean() > 25
