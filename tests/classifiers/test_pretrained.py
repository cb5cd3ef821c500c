"""Weights are fetched once and checked; the only host that is reached is one of the test's."""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch
from torch import nn

from pasunchat.classifiers.build import build
from pasunchat.classifiers.networks import vgg16
from pasunchat.classifiers.pretrained import checked, fetched, filled
from pasunchat.errors import PasunchatError
from pasunchat.storage import cache_folder

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()


@dataclass
class Host:
    """A server of CONTENT."""

    url: str = ""
    asked: int = 0  # requests so far
    breaks_at: int | None = None  # bytes after which it ends each answer


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.asked += 1
            if self.path != "/some.h5":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: host.breaks_at])

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        host.url = f"http://127.0.0.1:{server.server_port}/some.h5"
        yield host
        server.shutdown()
        thread.join()


def test_fetched_once_then_taken_from_the_cache(host: Host) -> None:
    first = fetched(host.url, MD5, "vgg16")
    assert first == cache_folder() / "weights" / "some.h5"
    assert first.read_bytes() == CONTENT
    assert fetched(host.url, MD5, "vgg16") == first
    assert host.asked == 1
    assert [*first.parent.iterdir()] == [first]


def test_a_fetch_that_breaks_off_leaves_nothing_and_is_made_again(host: Host) -> None:
    host.breaks_at = 300_000
    with pytest.raises(PasunchatError, match="could not be fetched"):
        fetched(host.url, MD5, "vgg16")
    assert [*(cache_folder() / "weights").iterdir()] == []
    host.breaks_at = None
    assert fetched(host.url, MD5, "vgg16").read_bytes() == CONTENT


def test_what_is_not_there_is_said_in_one_line(host: Host) -> None:
    with pytest.raises(
        PasunchatError, match=r"other\.h5 could not be fetched .*HTTPError"
    ) as refused:
        fetched(host.url.replace("some", "other"), MD5, "vgg16")
    assert "\n" not in str(refused.value) and "vgg16:weights=FILE" in str(refused.value)


def test_another_digest_is_refused_and_nothing_is_left(host: Host) -> None:
    with pytest.raises(PasunchatError, match="its MD5 is not") as refused:
        fetched(host.url, "0" * 32, "vgg16")
    assert "\n" not in str(refused.value)
    assert [*(cache_folder() / "weights").iterdir()] == []


def test_a_damaged_file_in_the_cache_is_fetched_again(host: Host) -> None:
    fetched(host.url, MD5, "vgg16").write_bytes(b"damaged")
    assert fetched(host.url, MD5, "vgg16").read_bytes() == CONTENT


def test_offline_says_what_to_do(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vgg16, "URL", "http://127.0.0.1:9/some.h5")  # nobody listens there
    with pytest.raises(PasunchatError, match="vgg16:weights=FILE") as refused:
        build("vgg16", classes=("cat", "dog"), size=32)
    assert "\n" not in str(refused.value)
    assert "(ConnectionError)" in str(refused.value)


def test_files_of_packages_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(CONTENT)
    assert checked(path, hashlib.sha256(CONTENT).hexdigest()) == path
    with pytest.raises(PasunchatError, match="damaged or another version"):
        checked(path, "0" * 64)


def test_what_does_not_fit_is_named() -> None:
    layer = nn.Linear(2, 1)
    good = {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
    filled(layer, good, "a file")
    assert layer.weight.equal(good["weight"])
    for weights, said in (
        ({"weight": good["weight"]}, "bias is missing"),
        ({**good, "bias": torch.zeros(3)}, "bias is 3, expected 1"),
        ({**good, "gamma": torch.zeros(1)}, "gamma is unknown"),
    ):
        with pytest.raises(PasunchatError, match=f"a file does not fit this network: {said}"):
            filled(layer, weights, "a file")


@pytest.mark.parametrize("module", ["h5py", "pooch"])
def test_what_few_need_is_an_extra_and_named_where_it_is_missing(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "base.h5").write_bytes(b"")
    weights = f":weights={tmp_path / 'base.h5'}" if module == "h5py" else ""
    with pytest.raises(PasunchatError, match=rf'{module}.*pip install "pasunchat\[vgg16\]"'):
        build(f"vgg16{weights}", classes=("cat", "dog"), size=32)
