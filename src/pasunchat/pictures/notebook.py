"""What a notebook shows of a result: pictures and tables as HTML that needs no other file."""

import io
from base64 import b64encode
from collections.abc import Sequence
from html import escape

from PIL import Image

WIDTH = 720  # of a picture on the page, in its pixels, at most


def picture_html(picture: Image.Image, caption: str) -> str:
    """A picture with its caption, which is also what is read where it is not shown."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    data = b64encode(file.getvalue()).decode()
    image = f'<img src="data:image/png;base64,{data}" style="max-width: {WIDTH}px; width: 100%"'
    said = escape(caption)
    return f'<figure>{image} alt="{said}"><figcaption>{said}</figcaption></figure>'


def table_html(columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A table with a caption."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    lines = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{lines}</table>"
