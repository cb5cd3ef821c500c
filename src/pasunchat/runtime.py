"""The machine: device, precision, memory that is kept, threads, and seeds."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pasunchat.errors import PasunchatError
from pasunchat.storage import sha256

if TYPE_CHECKING:
    import torch

PRECISIONS = ("fp32", "bf16")
SPINS = "10000"
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4


@dataclass(frozen=True)
class Runtime:
    """Where tensors live, and in which precision networks run."""

    device: str = "cpu"  # as torch spells it: cpu, cuda, cuda:1, mps
    precision: str = "fp32"  # or bf16

    def autocast(self) -> "AbstractContextManager[object]":
        """The context to run a network in: bf16 arithmetic for that precision, else nothing."""
        import torch

        kind = self.device.partition(":")[0]
        return torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bf16")

    @contextmanager
    def seeded(self, *parts: object) -> Iterator[None]:
        """A block in which layers such as dropout draw from `seed_from(*parts)`; afterwards the
        global random state is what it was before."""
        import torch

        devices = [self.device] if self.device.startswith("cuda") else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed_from(*parts))
            yield


def set_up_runtime(device: str = "auto", precision: str = "fp32") -> Runtime:
    """A device and precision, with this process made ready for long jobs: pages kept, all cores.

    `auto` takes CUDA where there is one, else the CPU. Raises PasunchatError for a device or
    precision that is not available.
    """
    import torch

    if precision not in PRECISIONS:
        raise PasunchatError(f'--precision: expected fp32 or bf16, got "{precision}"')
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise PasunchatError(
            f'--device "{device}" cannot be used here ({reason}); take cpu or auto'
        ) from error
    if device.startswith("cuda"):
        repeat_on_cuda()
    keep_pages()
    torch.set_num_threads(cores())
    return Runtime(device, precision)


def wait_briefly() -> None:
    """Let threads that wait for others (GNU OpenMP's, of torch on Linux) go to sleep after some
    microseconds, not after a millisecond; before torch is imported. What the user has set stays.

    Where other programs use the cores too, a thread that spins keeps the one it waits for from its
    core; where they do not, one that sleeps wakes late (docs/decisions/0008-runtime-tricks.md).
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def repeat_on_cuda() -> None:
    """Let CUDA take only algorithms that give the same bytes each time."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


@contextmanager
def full_precision() -> Iterator[None]:
    """A block in which CUDA multiplies fp32 as fp32, where it else takes TF32, of 10 bits: the
    margin of a picture that has just been fooled is smaller than what they leave open."""
    import torch

    was = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = was


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_pages() -> bool:
    """Let glibc keep freed memory instead of handing each activation back to the kernel.

    Doubles the training speed on Linux (docs/decisions/0008-runtime-tricks.md); elsewhere does
    nothing. Returns whether it took effect.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    trimmed = mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mapped = mallopt(M_MMAP_THRESHOLD, 1 << 30) or mallopt(M_MMAP_MAX, 0)
    return bool(trimmed and mapped)


def seed_from(*parts: object) -> int:
    """A seed in 0..2**63-1 of its own for each purpose, e.g. seed_from(seed, "order", epoch)."""
    return int(sha256(*(repr(part) for part in parts))[:16], 16) >> 1


def generator(*parts: object) -> "torch.Generator":
    """A random generator on the CPU, seeded by `seed_from`. Global random state stays as it is."""
    import torch

    return torch.Generator().manual_seed(seed_from(*parts))
