"""A visitor's file is opened: recognised by its content, measured, decoded, encoded anew."""

import io
import secrets

from PIL import Image

from pasunchat.page.photos import KeptPhoto
from pasunchat.page.refusals import Refused
from pasunchat.page.settings import Limits
from pasunchat.photos.image import PhotoError, decode_photo, header_of

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
SIDE = 1280  # of the picture of a file that is shown, at most
QUALITY = 85


def opened(data: bytes, name: str, owner: str, limits: Limits) -> KeptPhoto:
    """A photo of a file's bytes: recognised by its content, measured before it is decoded, shown
    encoded anew. Raises Refused."""
    try:
        header = header_of(data, FORMATS)
        if header.width * header.height > limits.pixels:
            millions = round(header.width * header.height / MILLION)
            raise Refused(413, "e_pixels", {"name": name, "n": millions})
        picture = decode_photo(data, formats=FORMATS).picture
    except PhotoError as error:
        raise _refused(error, name) from error
    small = picture.copy() if max(picture.size) > SIDE else picture
    small.thumbnail((SIDE, SIDE))
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
        shown=webp(small),
    )


def webp(picture: Image.Image) -> bytes:
    """A picture as WebP, to be looked at."""
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=QUALITY, method=2)
    return file.getvalue()


def _refused(error: PhotoError, name: str) -> Refused:
    key, status = KEYS.get(error.reason, ("e_notimage", 415))
    return Refused(status, key, {"name": name, "why": str(error)})
