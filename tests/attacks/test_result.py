"""What a result shows of itself: a line, and the row of pictures in a notebook."""

import io
import re
from base64 import b64decode
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.classifiers.classifier import Classifier


class Brightness(nn.Module):
    """Two logits: class 1 by as much as the mean is above 100.5 levels."""

    def forward(self, pixels: Tensor) -> Tensor:
        lead = 300 * (pixels.mean((1, 2, 3)) - 100.5 / 255)
        return torch.stack([-lead, lead], 1)


def found(greys: list[int], **options: object) -> AttackResult:
    pixels = torch.tensor(greys)[:, None, None, None].expand(-1, 3, 4, 4) / 255
    classifier = Classifier(Brightness(), classes=("<dark>", "light"))
    return fool(classifier, pixels, 0, norm="linf", **options)  # type: ignore[arg-type]


def test_it_is_one_line() -> None:
    assert repr(found([90, 98, 99, 120])) == (
        "<AttackResult: 4 photos, least-levels: 3 reached, 1 already_wrong; "
        "2 of 255 levels to 11 of 255 levels, median 3 of 255 levels>"
    )
    assert repr(found([98])) == (
        "<AttackResult: 1 photo, least-levels: 1 reached; 3 of 255 levels>"
    )
    assert repr(found([90], attack="fgsm", radius="2/255")) == (
        "<AttackResult: 1 photo, fgsm: 1 not_reached>"
    )


def test_it_says_what_was_reached_within_each_radius() -> None:
    """What was not reached was not, however near its closest try is."""
    within = found([90, 98, 99, 120]).reached_within(["0", 1 / 255, 2 / 255, "3/255", 0.5])
    assert within.int().tolist() == [
        [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1],
    ]  # fmt: skip
    missed = found([90, 100], attack="fgsm", radius="2/255")
    assert missed.reached_within(["2/255", 1.0]).int().tolist() == [[0, 1], [0, 1]]


def test_a_norm_that_has_no_row_is_named() -> None:
    one = found([98])
    other = replace(one, request=replace(one.request, norm="rms"))
    assert repr(other).endswith("1 reached; rms 0.0118>")


def test_a_notebook_shows_the_first_rows_of_pictures() -> None:
    result = found([90, 98, 99, 120, 97, 96])
    html = result._repr_html_()
    pictures = re.findall(r'base64,([^"]+)"', html)
    assert len(pictures) == 4 and "and 2 more" in html and "&lt;AttackResult" in html
    row = np.asarray(Image.open(io.BytesIO(b64decode(pictures[1]))))
    middle = row[row.shape[0] // 2, :, 0]
    assert [int((middle == level).sum()) for level in (98, 101)] == [224, 224]
    assert result.status[3] is Status.ALREADY_WRONG and "already_wrong, 0 of 255 levels" in html


def test_a_change_smaller_than_a_level_is_seen() -> None:
    result = found([100], levels=None)
    assert float(result.distance) < 0.6 / 255
    (picture,) = re.findall(r'base64,([^"]+)"', result._repr_html_())
    row = np.asarray(Image.open(io.BytesIO(b64decode(picture))))
    assert (row[row.shape[0] // 2] == 255).all(1).sum() > 224  # the noise, beside the white
