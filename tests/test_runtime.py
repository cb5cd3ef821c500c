"""Device and precision, memory that is kept, and seeds."""

import os
import platform
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pasunchat.errors import PasunchatError
from pasunchat.runtime import (
    SPINS,
    Runtime,
    cores,
    generator,
    keep_pages,
    seed_from,
    set_up_runtime,
    wait_briefly,
)

PARTS = st.lists(st.one_of(st.integers(), st.text(max_size=5)), max_size=4)


@pytest.fixture
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_threads_as_before")
def test_the_runtime_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pasunchat.runtime.cores", lambda: 3)
    assert set_up_runtime("cpu") == Runtime("cpu", "fp32")
    assert torch.get_num_threads() == 3
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert set_up_runtime(precision="bf16") == Runtime(expected, "bf16")


def test_a_precision_that_is_none_is_refused() -> None:
    with pytest.raises(PasunchatError, match='--precision: expected fp32 or bf16, got "fp8"'):
        set_up_runtime("cpu", "fp8")


@pytest.mark.parametrize("device", ["toaster", "", "cuda:99"])
def test_a_device_that_is_not_there_is_refused_in_one_line(device: str) -> None:
    with pytest.raises(PasunchatError) as refused:
        set_up_runtime(device)
    message = str(refused.value)
    assert message.startswith(f'--device "{device}" cannot be used here')
    assert message.endswith("take cpu or auto") and "\n" not in message


@pytest.mark.parametrize(("precision", "kind"), [("fp32", "float32"), ("bf16", "bfloat16")])
def test_networks_run_in_the_precision_asked_for(precision: str, kind: str) -> None:
    layer = torch.nn.Linear(3, 2)
    with Runtime("cpu", precision).autocast():
        assert layer(torch.zeros(1, 3)).dtype is getattr(torch, kind)
    assert layer(torch.zeros(1, 3)).dtype is torch.float32


def test_keep_pages_says_whether_it_took_effect() -> None:
    """In a process of its own, where nothing has asked before."""
    code = "from pasunchat.runtime import keep_pages; print(keep_pages(), keep_pages())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    glibc = sys.platform.startswith("linux") and platform.libc_ver()[0] == "glibc"
    if glibc:
        assert done.stdout.split() == ["True", "True"]
    assert isinstance(keep_pages(), bool)


def test_keep_pages_does_nothing_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_pages() is False


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no process")
def test_only_the_cores_this_process_may_use_are_counted() -> None:
    assert cores() == len(os.sched_getaffinity(0))
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
        "from pasunchat.runtime import cores; print(cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


@settings(deadline=None)
@given(PARTS, PARTS)
def test_seeds_are_of_the_parts_alone(one: list[object], other: list[object]) -> None:
    first, second = seed_from(*one), seed_from(*other)
    assert 0 <= first < 2**63
    assert (first == second) == (one == other)
    assert first == seed_from(*one)


def test_seeds_stay_what_they_are() -> None:
    """Runs and fooling pictures of older versions depend on it."""
    assert seed_from(0, "order", 1) == 8_879_538_865_774_002_835
    assert seed_from(1, 23) != seed_from(12, 3) != seed_from("1", 23)


def test_generators_leave_the_global_state_alone() -> None:
    before = torch.random.get_rng_state()
    one, same, other = (torch.rand(4, generator=generator(*p)) for p in ((0, "a"), (0, "a"), (1,)))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("chosen", "spins"),
    [({}, SPINS), ({"OMP_WAIT_POLICY": "active"}, None), ({"GOMP_SPINCOUNT": "7"}, "7")],
)
def test_waiting_threads_spin_briefly_unless_the_user_chose_otherwise(
    monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str], spins: str | None
) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    wait_briefly()
    assert os.environ.get("GOMP_SPINCOUNT") == spins
