from collections import OrderedDict, namedtuple
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pasunchat.classifiers.outputs import in_one_line, logits_in
from pasunchat.errors import PasunchatError

LOGITS = torch.arange(6.0).view(2, 3)
Named = namedtuple("Named", ["logits", "aux"])


@pytest.mark.parametrize(
    "outputs",
    [
        LOGITS,
        LOGITS[:, :, None, None],
        (LOGITS,),
        [LOGITS, torch.zeros(2, 3, 4, 4)],
        [LOGITS, torch.zeros(2, 3).long()],
        {"out": LOGITS},
        OrderedDict(features=LOGITS + 1, logits=LOGITS),
        SimpleNamespace(logits=LOGITS, loss=None),
        Named(LOGITS, LOGITS + 1),
    ],
)
def test_logits_are_found_where_their_place_is_plain(outputs: Any) -> None:
    assert torch.equal(logits_in(outputs, 2), LOGITS)


def test_one_number_a_row_stays_one() -> None:
    assert torch.equal(logits_in(LOGITS[:, 0], 2), LOGITS[:, 0])
    assert logits_in(torch.tensor(3.0), 1).tolist() == [3.0]
    assert logits_in(torch.tensor([3.0]), 1).tolist() == [3.0]


def test_a_row_whose_axis_was_squeezed_out_gets_it_back() -> None:
    assert torch.equal(logits_in(LOGITS[0], 1), LOGITS[:1])


@pytest.mark.parametrize(
    ("outputs", "named"),
    [
        ((LOGITS, LOGITS + 1), r"tuple of float32 \[2, 3\]; float32 \[2, 3\] for 2 images"),
        ({"a": LOGITS, "b": LOGITS}, "dict of a, b for 2 images"),
        ((), "tuple of nothing"),
        (LOGITS.argmax(1), r"int64 \[2\] for 2 images"),
        (LOGITS[0], r"float32 \[3\] for 2 images"),
        (LOGITS[:, :, None, None].expand(-1, -1, 2, 2), r"float32 \[2, 3, 2, 2\]"),
        ("cat", "gives str"),
        (None, "gives NoneType"),
    ],
)
def test_what_is_not_plain_is_refused(outputs: Any, named: str) -> None:
    with pytest.raises(PasunchatError, match=named):
        logits_in(outputs, 2)


def test_an_error_of_others_is_said_in_one_line() -> None:
    with (
        pytest.raises(PasunchatError, match=r"^it cannot be run: two lines$"),
        in_one_line("it cannot be run"),
    ):
        raise ValueError("two\nlines")
    with (
        pytest.raises(PasunchatError, match=r"^it cannot be run: MemoryError$"),
        in_one_line("it cannot be run"),
    ):
        raise MemoryError
    with pytest.raises(PasunchatError, match=r"^ours$"), in_one_line("it cannot be run"):
        raise PasunchatError("ours")
