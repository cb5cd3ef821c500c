"""What does not decode whole is no photo: in every format, under every decode."""

import io
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image, features

from pasunchat.photos.image import DECODES, PhotoError, decode_photo, near_size

SIZE = 40  # to which pictures of 160 x 120 are scaled: a JPEG can be decoded at a quarter


def picture() -> Image.Image:
    coarse = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    return Image.fromarray(coarse).resize((160, 120))


def encoded(kind: str, options: dict[str, object]) -> bytes:
    file = io.BytesIO()
    picture().save(file, kind, **options)
    return file.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


FORMATS = {
    "png": ("PNG", {}),
    "png-with-exif": ("PNG", {"exif": turned()}),
    "tiff-deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "jpeg": ("JPEG", {}),
    "jpeg-with-exif": ("JPEG", {"exif": turned()}),
    "jpeg-progressive": ("JPEG", {"progressive": True}),
    "jpeg-restarting": ("JPEG", {"restart_marker_rows": 1}),
    "webp": ("WEBP", {}),
    "webp-lossless": ("WEBP", {"lossless": True}),
    "gif": ("GIF", {}),
    "bmp": ("BMP", {}),
    "tiff": ("TIFF", {}),
    "tiff-lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "ppm": ("PPM", {}),
}
if features.check("avif"):
    FORMATS["avif"] = ("AVIF", {})
WITH_CHECKSUMS = ("png", "png-with-exif", "tiff-deflate")
Decoded = Callable[[bytes], "np.ndarray | None"]


@pytest.fixture(params=DECODES)
def decoded(request: pytest.FixtureRequest) -> Decoded:
    """A file's pixels under one decode, or None where it is refused."""
    near = near_size(SIZE, "pad", request.param)

    def of(data: bytes) -> np.ndarray | None:
        try:
            return np.asarray(decode_photo(data, near=near).picture)
        except PhotoError:
            return None

    return of


def cut(data: bytes) -> Iterator[bytes]:
    """The file cut anywhere, and at each of its last bytes."""
    places = np.random.default_rng(1).integers(0, len(data), 60).tolist()
    for place in {*places, *range(len(data) - 20, len(data))}:
        yield data[:place]


def flipped(data: bytes) -> Iterator[bytes]:
    """One bit changed."""
    draws = np.random.default_rng(2)
    for _ in range(60):
        changed = bytearray(data)
        changed[int(draws.integers(len(data)))] ^= 1 << int(draws.integers(8))
        yield bytes(changed)


def zeroed(data: bytes) -> Iterator[bytes]:
    """512 bytes set to zero, as by a bad block."""
    for place in np.random.default_rng(3).integers(0, len(data), 40).tolist():
        length = min(512, len(data) - place)
        changed = data[:place] + bytes(length) + data[place + length :]
        if changed != data:
            yield changed


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_cut_short_is_refused_or_gives_the_whole_picture(
    name: str, decoded: Decoded
) -> None:
    data = encoded(*FORMATS[name])
    whole, refused = decoded(data), 0
    for part in cut(data):
        found = decoded(part)
        refused += found is None
        assert found is None or np.array_equal(found, whole), f"{len(part)} of {len(data)} bytes"
    assert refused >= 60


@pytest.mark.parametrize("name", WITH_CHECKSUMS)
@pytest.mark.parametrize("damage", [flipped, zeroed])
def test_where_a_format_has_checksums_a_damaged_file_is_refused(
    name: str, damage: Callable[[bytes], Iterator[bytes]], decoded: Decoded
) -> None:
    data = encoded(*FORMATS[name])
    whole = decoded(data)
    assert whole is not None
    for changed in damage(data):
        found = decoded(changed)
        assert found is None or np.array_equal(found, whole)


def opens_at_once(data: bytes) -> bool:
    """Whether Pillow decodes the whole picture at its first try, and nothing is asked before."""
    try:
        Image.open(io.BytesIO(data)).load()
    except Exception:
        return False
    return True


@pytest.mark.parametrize("name", sorted(set(FORMATS) - set(WITH_CHECKSUMS)))
@pytest.mark.parametrize("damage", [flipped, zeroed])
def test_elsewhere_a_damaged_file_opens_only_where_its_decoder_finds_no_fault(
    name: str, damage: Callable[[bytes], Iterator[bytes]]
) -> None:
    """These formats have no checksum: a changed byte may decode whole, to another picture, and the
    decoder cannot know."""
    for changed in damage(encoded(*FORMATS[name])):
        if opens_at_once(changed):
            continue
        for decode in DECODES:
            with pytest.raises(PhotoError):
                decode_photo(changed, near=near_size(SIZE, "pad", decode))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1"])
def test_whole_files_of_formats_with_checksums_open(mode: str) -> None:
    for kind, options in (("PNG", {}), ("TIFF", {"compression": "tiff_adobe_deflate"})):
        file = io.BytesIO()
        picture().convert(mode).save(file, kind, **options)
        assert decode_photo(file.getvalue()).picture.size == (160, 120)


def test_what_follows_the_end_of_a_png_is_not_looked_at() -> None:
    assert decode_photo(encoded("PNG", {}) + b"more").picture.size == (160, 120)
