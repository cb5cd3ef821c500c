"""Weights that others trained: files checked by their digest, fetched once, put into a module."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pasunchat.errors import PasunchatError
from pasunchat.storage import cache_folder

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 18


def checked(path: Path, sha256: str) -> Path:
    """`path`, if its bytes have this SHA-256. Raises PasunchatError otherwise."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise PasunchatError(
            f"{path} is damaged or another version: its SHA-256 begins with {found[:12]}, "
            f"expected {sha256[:12]}; install its package again"
        )
    return path


def filled(module: nn.Module, weights: Mapping[str, Tensor], origin: str) -> None:
    """Put `weights` into `module`. Raises PasunchatError naming the first that does not fit."""
    wanted = module.state_dict()
    for name, value in wanted.items():
        if name not in weights:
            raise PasunchatError(f"{origin} does not fit this network: {name} is missing")
        if weights[name].shape != value.shape:
            raise PasunchatError(
                f"{origin} does not fit this network: {name} is {_shape(weights[name])}, "
                f"expected {_shape(value)}"
            )
    strange = [name for name in weights if name not in wanted]
    if strange:
        raise PasunchatError(f"{origin} does not fit this network: {strange[0]} is unknown")
    module.load_state_dict(weights)


def fetched(url: str, md5: str, network: str) -> Path:
    """The file at `url`, kept in the cache; fetched when it is not there or is damaged.

    What an interrupted fetch has got is kept, and the next one goes on from there. Shows progress
    where stderr is a terminal. Raises PasunchatError saying how `network` takes a file instead.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    name = url.rpartition("/")[2]
    folder = cache_folder() / "weights"
    part = folder / f"{name}.part"
    try:
        found = pooch.retrieve(
            url, f"md5:{md5}", name, folder, downloader=lambda url, to, _: _fetch(url, to, part)
        )
    except (requests.RequestException, OSError) as error:
        raise PasunchatError(
            f"{name} is not in {folder} and could not be fetched ({_reason(error)}); go online "
            f"once, or give a file: {network}:weights=FILE, --set weights=FILE"
        ) from error
    except ValueError as error:  # pooch's word for another digest
        raise PasunchatError(
            f"{url} did not give the file that is expected (its MD5 is not {md5}); try again, or "
            f"give a file: {network}:weights=FILE, --set weights=FILE"
        ) from error
    return Path(found)


def _fetch(url: str, to: str, part: Path) -> None:
    """Add to `part` what it lacks of the file at `url`; when it is whole, it becomes `to`."""
    import requests

    have = part.stat().st_size if part.exists() else 0
    asked = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(url, headers=asked, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code != requests.codes.requested_range_not_satisfiable:
            answer.raise_for_status()
            go_on = answer.status_code == requests.codes.partial_content
            have = have if go_on else 0
            with part.open("ab" if go_on else "wb") as file, _bar(url) as bar:
                total = have + int(answer.headers.get("Content-Length", 0))
                task = bar.add_task("fetching", total=total or None, completed=have)
                for chunk in answer.iter_content(CHUNK):
                    file.write(chunk)
                    bar.advance(task, len(chunk))
    part.replace(to)


def _bar(url: str) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        url.rpartition("/")[2],
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def _reason(error: Exception) -> str:
    """The kind of failure and the innermost reason, without the retries around it."""
    text = str(error).strip().splitlines()[-1] if str(error).strip() else ""
    return f"{type(error).__name__}: {text}" if text and len(text) < 100 else type(error).__name__


def _shape(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "one number"
