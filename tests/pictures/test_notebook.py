"""HTML for a notebook: it needs no other file, and names are no markup."""

import io
import re
from base64 import b64decode

import numpy as np
from PIL import Image

from pasunchat.pictures.notebook import picture_html, table_html


def test_a_picture_is_embedded_byte_for_byte() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    html = picture_html(Image.fromarray(pixels), 'a <b> & "c"')
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(b64decode(data)))), pixels)
    assert "<b>" not in html and html.count("a &lt;b&gt; &amp; &quot;c&quot;") == 2


def test_a_table_has_a_row_each() -> None:
    html = table_html(("class", "photos"), [("<cat>", "3"), ("dog", "4")], "two & two")
    assert html.count("<tr>") == 3 and html.count("<td>") == 4
    assert "<td>&lt;cat&gt;</td><td>3</td>" in html and "two &amp; two" in html
