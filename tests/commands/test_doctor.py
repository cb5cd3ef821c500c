"""What doctor prints, and how it ends."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from pasunchat.doctor import Check

WELL = Check("Python", "3.11", "ok")
ABSENT = Check("extra fast", "not installed", "absent", 'pip install "pasunchat[fast]"')
BROKEN = Check("torch", "does not work", "broken", f"{'it does not import ' * 12}: pip install it")


@pytest.mark.parametrize(
    ("checks", "status", "last"),
    [
        ([WELL], 0, "all is well"),
        ([WELL, ABSENT], 0, "all is well"),
        ([BROKEN, WELL, ABSENT], 1, "broken: torch"),
        (
            [BROKEN, replace(BROKEN, name="GPU")],
            1,
            "broken: torch, GPU; begin with the first, the others may follow from it",
        ),
    ],
)
def test_only_what_is_broken_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, call: Callable, checks: list[Check], status: int, last: str
) -> None:
    monkeypatch.setattr("pasunchat.doctor.doctor", lambda _: checks)
    said = call("doctor")
    assert (said.status, said.err) == (status, "")
    lines = [line.strip() for line in said.out.splitlines()]
    assert lines[-1] == last
    for check in checks:
        start = f"{check.status:6}  {check.name} "
        (line,) = (line for line in lines if line.startswith(start))
        assert line.endswith(check.found)
        assert not check.advice or check.advice in lines, "cut or broken: it is to be copied"
    asked = call("doctor", "--json")
    assert (asked.status, asked.err) == (status, "")
    assert [Check(**fields) for fields in json.loads(asked.out)] == checks
