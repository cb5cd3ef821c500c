"""One photo: bytes to upright RGB, and numbers to an exact PNG. Nothing else opens an image."""

import io
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from pasunchat.errors import PasunchatError
from pasunchat.framing import Box, Decode, Framing, frame, scaled_size
from pasunchat.photos.checksums import CutShort, holds
from pasunchat.photos.modes import to_rgb
from pasunchat.storage import readable, sha256, write_bytes

DECODES: tuple[Decode, ...] = ("exact", "fast")
MOVING = ("GIF", "WEBP", "PNG", "AVIF")  # formats whose frames follow each other in time
DRAFTED = ("JPEG", "MPO")  # formats that Pillow can decode at reduced size; EXIF is in their header
Near = Callable[[int, int], tuple[int, int]]
Reason = Literal[
    "unreadable",
    "empty",
    "not-an-image",
    "heic",
    "unsupported",
    "cut-short",
    "damaged",
    "too-large",
]

MOST_PIXELS = 178_956_970  # Pillow's own limit; beyond it a small file may fill the memory
ORIENTATION = 0x0112  # the EXIF tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)  # width and height change places
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
SIGNATURES = {  # first bytes of formats whose damaged files deserve their name
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}


class PhotoError(PasunchatError):
    """What cannot be opened. `reason` names why; the message says it in a sentence."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True)
class Photo:
    """An upright RGB picture; `width` and `height` are those of the whole file, upright.

    Where it was decoded near a wanted size, the picture is smaller than that, and `box` is the
    part of it that the photo fills: the last row or column may stand for half a pixel.
    """

    picture: Image.Image
    width: int
    height: int
    box: Box

    def square(self, size: int, framing: Framing) -> NDArray[np.uint8]:
        """The photo as uint8 [size, size, 3], by `frame`."""
        return frame(self.picture, size, framing, self.box)


def read_photo(
    path: Path, size: int, framing: Framing, decode: Decode = "exact"
) -> NDArray[np.uint8]:
    """The photo at `path` as uint8 [size, size, 3].

    decode: "exact", or "fast": a JPEG is decoded near the size it is scaled to, which costs less
    and moves its pixels (docs/decisions/0019-one-photo-one-answer.md: by how much). Raises
    PasunchatError with the file's name and the reason.
    """
    return open_photo(path, near=near_size(size, framing, decode)).square(size, framing)


def open_photo(path: Path, *, near: Near | None = None) -> Photo:
    """The file at `path`, by `decode_photo`. Raises PasunchatError naming the file."""
    try:
        return decode_photo(_file_bytes(path), near=near)
    except PhotoError as error:
        raise PhotoError(error.reason, f"{readable(path)}: {error}") from error


def own_pixels(path: Path) -> NDArray[np.uint8]:
    """A file's pixels at its own size, uint8 [H, W, 3]."""
    return np.asarray(open_photo(path).picture)


def near_size(size: int, framing: Framing, decode: Decode) -> Near | None:
    """What `decode_photo` wants to know for decoding as `decode` says."""
    if decode == "exact":
        return None
    return lambda width, height: scaled_size(width, height, size, framing)


@dataclass(frozen=True)
class Header:
    """What a file says of its picture before it is decoded."""

    kind: str  # JPEG, PNG, ..., as Pillow calls it
    width: int
    height: int  # upright
    turned: bool  # the picture is stored in another position than it is seen in
    frames: int  # 1; of a moving picture 2 or more


def header_of(data: bytes, formats: tuple[str, ...] | None = None) -> Header:
    """What an image file's bytes say of themselves; formats: Pillow's names of those that are
    read, by content; None: all that it reads. Raises PhotoError with a named reason."""
    with _QUIET.on():
        picture = _identified(data, formats)
        orientation = _orientation(picture)
        try:
            moves = picture.format in MOVING and bool(getattr(picture, "is_animated", False))
            frames = int(getattr(picture, "n_frames", 2)) if moves else 1
        except Exception as error:
            raise _undecodable(error) from error
    width, height = picture.size[::-1] if orientation in SIDEWAYS else picture.size
    kind = "JPEG" if picture.format == "MPO" else picture.format or ""
    return Header(kind, width, height, orientation != 1, frames)


def decode_photo(
    data: bytes, *, near: Near | None = None, formats: tuple[str, ...] | None = None
) -> Photo:
    """Open an image file's bytes: upright by EXIF, any mode to RGB, the first frame.

    near: (width, height) of the upright file -> (width, height) that will be needed; a JPEG is
    then decoded at a half, a quarter or an eighth while it stays at least that large. Colour
    profiles are not applied. formats: as in `header_of`. Raises PhotoError with a named reason:
    what does not decode whole is no photo.
    """
    with _QUIET.on():
        picture = _opened(data, formats)
        file_size = picture.size
        box = _draft(picture, near) if near and picture.format in DRAFTED else None
        _load(picture)
        orientation = _orientation(picture)
        rgb = _rgb(picture)
    if orientation in TURNS:
        rgb = rgb.transpose(TURNS[orientation])
    if box is None:
        return Photo(rgb, *rgb.size, box=(0, 0, *rgb.size))
    width, height = file_size[::-1] if orientation in SIDEWAYS else file_size
    return Photo(rgb, width, height, box)


def as_photo(picture: Image.Image) -> Photo:
    """A Pillow image as `decode_photo` gives that of a file: upright by EXIF, any mode to RGB, the
    frame that it stands at. Raises PhotoError with a named reason."""
    with _QUIET.on():
        _load(picture)
        orientation = _orientation(picture)
        rgb = _rgb(picture)
    if orientation in TURNS:
        rgb = rgb.transpose(TURNS[orientation])
    return Photo(rgb, *rgb.size, box=(0, 0, *rgb.size))


def _identified(data: bytes, formats: tuple[str, ...] | None) -> Image.Image:
    if not data:
        raise PhotoError("empty", "the file is empty (0 bytes)")
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError as error:
        raise _unidentified(data) from error
    except Exception as error:  # the bytes are in memory: whatever it is, it is the file's doing
        raise _undecodable(error) from error


def _opened(data: bytes, formats: tuple[str, ...] | None = None) -> Image.Image:
    picture = _identified(data, formats)
    if picture.width * picture.height > MOST_PIXELS:
        raise _too_large()
    _check(picture, data)
    return picture


def _check(picture: Image.Image, data: bytes) -> None:
    try:
        whole = holds(picture, data)
    except CutShort as error:
        raise _cut_short() from error
    except Exception as error:
        raise _undecodable(error) from error
    if not whole:
        raise PhotoError("damaged", "the file is damaged: a checksum in it is wrong")


def _load(picture: Image.Image) -> None:
    """Decode the picture. Call it once: after a failure, Pillow's next try is silent."""
    try:
        picture.load()
    except Exception as error:
        raise _undecodable(error) from error


def _draft(picture: Image.Image, near: Near) -> Box | None:
    """Ask the decoder for fewer pixels. Returns the upright photo's part of them, if it agrees."""
    width, height = picture.size
    orientation = _orientation(picture)
    if orientation != 1 and (width % 8 or height % 8):
        return None  # the part that the photo fills would have to be turned too
    if orientation not in SIDEWAYS:
        drafted = picture.draft("RGB", near(width, height))
        return drafted[1] if drafted else None
    wanted = near(height, width)
    drafted = picture.draft("RGB", wanted[::-1])
    return (0, 0, *drafted[1][:1:-1]) if drafted else None


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1 to 8. EXIF that cannot be read counts as upright."""
    # ImageOps.exif_transpose would also write the EXIF anew, and fail where that is damaged
    try:
        value = picture.getexif().get(ORIENTATION, 1)
    except Exception:
        return 1
    return value if value in TURNS else 1


def _rgb(picture: Image.Image) -> Image.Image:
    try:
        return to_rgb(picture)
    except ValueError as error:
        sentence = f"pictures of Pillow's mode {picture.mode} are not read here"
        raise PhotoError("unsupported", sentence) from error


def _unidentified(data: bytes) -> PhotoError:
    brand = data[8:12] if data[4:8] == b"ftyp" else b""
    if brand in HEIC_BRANDS:
        return PhotoError("heic", "a HEIC photo, which is not read here: save it as JPEG first")
    if brand:
        name = brand.decode("latin-1").strip()
        return PhotoError("unsupported", f'a media file of type "{name}", which is not read here')
    for signature, name in SIGNATURES.items():
        if data.startswith(signature):
            return PhotoError("damaged", f"begins as a {name} file, but its header is damaged")
    return PhotoError("not-an-image", "not an image: its first bytes are those of no known format")


def _undecodable(error: Exception) -> PhotoError:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, Image.DecompressionBombError | MemoryError) or "too large" in text:
        return _too_large()
    if isinstance(error, EOFError) or "truncated" in text:
        return _cut_short()
    return PhotoError("damaged", f"the file is damaged or of a rare kind (Pillow: {text})")


def _cut_short() -> PhotoError:
    return PhotoError("cut-short", "the file is cut short: a part of the picture is missing")


def _too_large() -> PhotoError:
    most = MOST_PIXELS // 1_000_000
    sentence = f"too large once unpacked: over {most} million pixels, or texts without end"
    return PhotoError("too-large", sentence)


def _file_bytes(path: Path) -> bytes:
    try:
        if path.is_symlink() and not path.exists():
            raise PhotoError("unreadable", "cannot be read: a link to nowhere")
        if path.exists() and not path.is_file():  # a pipe may never end
            what = "a folder" if path.is_dir() else "a pipe or a device"
            raise PhotoError("unreadable", f"cannot be read: {what}, and no file")
        return path.read_bytes()
    except OSError as error:
        raise PhotoError("unreadable", f"cannot be read: {error.strerror}") from error


def digest_of_pixels(image: NDArray[np.uint8]) -> str:
    """SHA-256 of a picture's shape and bytes."""
    return sha256(repr(image.shape), np.ascontiguousarray(image).tobytes())


def write_png(path: Path, pixels: NDArray[np.uint8], texts: Mapping[str, str]) -> None:
    """Write `png_bytes` whole or not at all."""
    write_bytes(path, png_bytes(pixels, texts))


def png_bytes(pixels: NDArray[np.uint8], texts: Mapping[str, str]) -> bytes:
    """uint8 [H, W, 3], or grey [H, W], as a PNG with text chunks.

    Exact: `decode_photo` gives back the same numbers. The same input gives the same bytes.
    """
    chunks = PngImagePlugin.PngInfo()
    for key in sorted(texts):
        chunks.add_text(key, texts[key])
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", pnginfo=chunks, compress_level=6)
    return file.getvalue()


def read_png_texts(path: Path) -> dict[str, str]:
    """`png_texts` of a file. Raises PasunchatError naming the file."""
    try:
        return png_texts(_file_bytes(path))
    except PhotoError as error:
        raise PhotoError(error.reason, f"{readable(path)}: {error}") from error


def png_texts(data: bytes) -> dict[str, str]:
    """The text chunks of a PNG's bytes; {} for other images. Raises PhotoError if it is none."""
    with _QUIET.on():
        picture = _opened(data)
        _load(picture)
    texts = getattr(picture, "text", {})
    return {str(key): str(value) for key, value in texts.items()}


class _Quiet:
    """Silences Pillow's warnings while any thread is decoding.

    warnings.catch_warnings alone is not safe in threads: the last to leave must restore.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.caught = warnings.catch_warnings()

    @contextmanager
    def on(self) -> Iterator[None]:
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                self.caught = warnings.catch_warnings()
                self.caught.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            yield
        finally:
            with self.lock:
                self.inside -= 1
                if self.inside == 0:
                    self.caught.__exit__(None, None, None)


_QUIET = _Quiet()
