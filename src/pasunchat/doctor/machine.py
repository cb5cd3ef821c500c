"""What this machine has for the work: Python, a GPU, cores, memory, room on its disk."""

import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from pasunchat import runtime
from pasunchat.doctor.check import Check, reason
from pasunchat.doctor.installed import torch_build
from pasunchat.storage import cache_folder

GIB = 1 << 30
PHOTO_BYTES = 224 * 224 * 3
MEMINFO = Path("/proc/meminfo")
LIMITS = (  # of a container: version 2, version 1
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def python() -> Check:
    """The interpreter, and the system it runs on."""
    system = f"{platform.system()} {platform.machine()}"
    return Check("Python", f"{platform.python_version()} on {system}, {sys.executable}", "ok")


def gpu() -> Check:
    """A GPU that torch can use: one small sum is made on it."""
    import torch

    if torch.cuda.is_available():
        name = torch.cuda.get_device_name(0)
        try:
            torch.ones(2, device="cuda").sum().item()
        except RuntimeError as error:
            advice = f"it cannot compute ({reason(error)}); go on with --device cpu"
            return Check("GPU", name, "broken", f"{advice}, or install torch for this GPU")
        return Check("GPU", name, "ok")
    if shutil.which("nvidia-smi") is None:
        return Check("GPU", "none", "absent", "not needed: everything runs on the CPU")
    if torch_build() == "cpu":
        advice = "torch is built for the CPU; to use the GPU: pip install --force-reinstall torch"
    else:
        advice = "torch does not reach it; see what nvidia-smi says, the driver may be too old"
    return Check("GPU", "a driver, but none for torch", "absent", advice)


def cores() -> Check:
    """How many cores this process may use, and how many threads torch takes by itself."""
    import torch

    own, all_cores = runtime.cores(), os.cpu_count() or 1
    threads = torch.get_num_threads()
    found = f"{own} of {all_cores}; torch begins with {threads} thread{'s' * (threads != 1)}"
    advice = "" if own == all_cores else f"this process may use no more than {own}"
    return Check("cores", found, "ok", advice)


def memory() -> Check:
    """Memory in all, and what is free of it; `fool` on one photo was measured at 0.8 GiB."""
    total, free = _memory()
    if total is None:
        return Check("memory", "not known on this system", "ok")
    found = f"{total / GIB:.1f} GiB" + ("" if free is None else f", {free / GIB:.1f} GiB free")
    if free is not None and free < GIB:
        advice = "1 GiB is needed; close other programs, or take a smaller --batch-size"
        return Check("memory", found, "broken", advice)
    return Check("memory", found, "ok")


def _memory() -> tuple[int | None, int | None]:
    """Bytes in all, and free ones; within the container's limit where there is one."""
    if MEMINFO.is_file():
        lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
        total, free = (int(lines[key].split()[0]) << 10 for key in ("MemTotal", "MemAvailable"))
        said = [path.read_text().strip() for path in LIMITS if path.is_file()]
        total = min([total, *(int(text) for text in said if text.isdigit())])
        return total, min(free, total)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), None
    return None, None


def disk() -> Check:
    """The cache folder: may it be written, and how much room is there?"""
    folder = cache_folder()
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    elsewhere = "name another folder in PASUNCHAT_HOME"
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        advice = f"it cannot be written ({reason(error)}); {elsewhere}"
        return Check("cache folder", str(folder), "broken", advice)
    free = shutil.disk_usage(there).free
    found = f"{folder}, {free / GIB:.1f} GiB free"
    if free < GIB:
        advice = f"room for {free // PHOTO_BYTES:,} photos of 224 x 224; make room, or {elsewhere}"
        return Check("cache folder", found, "broken", advice)
    return Check("cache folder", found, "ok")


def pages() -> Check:
    """Whether freed memory is kept, which doubles the speed of training."""
    if runtime.keep_pages():
        return Check("freed memory", "kept by glibc", "ok")
    advice = "nothing to do; training may be half as fast as on a Linux with glibc"
    return Check("freed memory", "not kept on this system", "absent", advice)
