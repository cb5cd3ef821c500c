"""Weights that others trained: fetched once, checked by their digest, put into a module."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from pasunchat.errors import PasunchatError
from pasunchat.extras import extra
from pasunchat.storage import cache_folder

TIMEOUT = 30  # seconds without a byte


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
    """The file at `url`, kept in the cache folder; fetched if it is not there or is damaged.

    It gets its name only when it is whole and its MD5 is `md5`. pooch logs one line when it begins
    to fetch. Raises PasunchatError without pooch, of the extra named as the network is, and saying
    how `network` takes a file instead.
    """
    pooch = extra("pooch", network)
    folder, name = cache_folder() / "weights", url.rpartition("/")[2]
    # Not streamed: pooch leaves the socket of a stream that breaks off open.
    whole = pooch.HTTPDownloader(stream=False, timeout=TIMEOUT)
    way_out = f"or give a file: {network}:weights=FILE, --set weights=FILE"
    try:
        return Path(pooch.retrieve(url, f"md5:{md5}", name, folder, downloader=whole))
    except OSError as error:  # those of the network, which requests raises, are OSErrors too
        raise PasunchatError(
            f"{url} could not be fetched into {folder} ({type(error).__name__}); go online once, "
            f"{way_out}"
        ) from error
    except ValueError as error:  # what pooch raises for another digest
        raise PasunchatError(
            f"{url} did not give the expected file (its MD5 is not {md5}); try again, {way_out}"
        ) from error


def _shape(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "one number"
