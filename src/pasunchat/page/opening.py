"""A visitor's file is opened: recognised by its content, measured, decoded, encoded anew."""

import io
import secrets

from PIL import Image

from pasunchat.page.photos import KeptPhoto
from pasunchat.page.refusals import Refused
from pasunchat.page.settings import Limits
from pasunchat.photos.image import MOST_PIXELS, PhotoError, decode_photo, header_of

# Formats that are read, as Pillow calls them, by content. Others that it knows run other programs
# (EPS) or hold pages of text.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
KEYS = {  # of the table of words, and a status, by the reason of a PhotoError
    "heic": ("e_heic", 415),
    "cut-short": ("e_cut", 422),
    "damaged": ("e_damaged", 422),
    "too-large": ("e_pixels", 413),
}
MILLION = 1_000_000
MOST = MOST_PIXELS // MILLION
SIDE = 1280  # of the picture of a file that is shown, at most
QUALITY = 85


def opened(data: bytes, name: str, owner: str, limits: Limits) -> KeptPhoto:
    """A photo of a file's bytes: recognised by its content, measured before it is decoded. Raises
    Refused."""
    try:
        header = header_of(data, FORMATS)
        if header.width * header.height > limits.pixels:
            millions = round(header.width * header.height / MILLION)
            raise Refused(413, "e_pixels", {"name": name, "n": millions})
        decoded = decode_photo(data, formats=FORMATS)
    except PhotoError as error:
        raise _refused(error, name) from error
    return KeptPhoto(
        id=secrets.token_urlsafe(12),
        owner=owner,
        name=name,
        data=data,
        kind=header.kind,
        width=header.width,
        height=header.height,
        turned=header.turned,
        frames=header.frames,
        decoded=decoded,
    )


def shown(photo: KeptPhoto) -> bytes:
    """The photo encoded anew, to be looked at; after that its pixels are let go."""
    if photo.shown is None:
        decoded = photo.decoded or decode_photo(photo.data, formats=FORMATS)
        photo.shown = webp(decoded.picture)
    photo.decoded = None
    return photo.shown


def webp(picture: Image.Image) -> bytes:
    """A picture as WebP, at most SIDE wide and high."""
    share = SIDE / max(SIDE, *picture.size)
    size = max(1, round(picture.width * share)), max(1, round(picture.height * share))
    small = picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    file = io.BytesIO()
    small.save(file, "WEBP", quality=QUALITY, method=1)
    return file.getvalue()


def _refused(error: PhotoError, name: str) -> Refused:
    key, status = KEYS.get(error.reason, ("e_notimage", 415))
    values = {"name": name, "why": str(error)}
    return Refused(status, key, values | ({"n": MOST} if key == "e_pixels" else {}))
