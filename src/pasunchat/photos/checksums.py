"""Checksums that image files carry and Pillow passes over: where one is wrong, the file is damaged.

JPEG, WebP, GIF, BMP and TIFF without Deflate carry none: a changed byte there may decode to another
picture, and no decoder can tell.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping

from PIL import Image

PNG_SIGNATURE = 8  # bytes
DEFLATE = (8, 32946)  # TIFF's numbers for this compression
COMPRESSION, STRIPS, STRIP_BYTES, TILES, TILE_BYTES = 259, 273, 279, 324, 325  # TIFF tags


class CutShort(Exception):
    """The file ends before its last part."""


def holds(picture: Image.Image, data: bytes) -> bool:
    """Whether every checksum of a file is right; picture: opened from its bytes, `data`.

    PNG: the CRC-32 of each chunk. TIFF: the Adler-32 of each strip or tile compressed by Deflate.
    Other formats have none, and it is true. Raises CutShort for a PNG without its last chunk.
    """
    check = CHECKS.get(picture.format or "")
    return check is None or check(picture, data)


def _png(_: Image.Image, data: bytes) -> bool:
    return all(
        zlib.crc32(kind_and_body) == int.from_bytes(crc, "big")
        for kind_and_body, crc in _chunks(data)
    )


def _chunks(data: bytes) -> Iterator[tuple[memoryview, bytes]]:
    """Each chunk up to IEND: its kind with its body, and its CRC."""
    whole, start, kind = memoryview(data), PNG_SIGNATURE, b""
    while kind != b"IEND":
        kind = data[start + 4 : start + 8]
        end = start + 8 + int.from_bytes(data[start : start + 4], "big")
        if end + 4 > len(data):
            raise CutShort
        yield whole[start + 4 : end], data[end : end + 4]
        start = end + 4


def _tiff(picture: Image.Image, data: bytes) -> bool:
    tags = getattr(picture, "tag_v2", {})
    if tags.get(COMPRESSION) not in DEFLATE:
        return True
    starts = tags.get(STRIPS) or tags.get(TILES) or ()
    lengths = tags.get(STRIP_BYTES) or tags.get(TILE_BYTES) or ()
    try:
        for start, length in zip(starts, lengths, strict=False):
            zlib.decompressobj().decompress(data[start : start + length])
    except zlib.error:
        return False
    return True


CHECKS: Mapping[str, Callable[[Image.Image, bytes], bool]] = {"PNG": _png, "TIFF": _tiff}
