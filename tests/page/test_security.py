"""Who may ask the page what: each guard is tried, with what it is there against."""

import io
import json
import re
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pasunchat.page.security import HEADERS, TOKEN, own_hosts

Draw = Callable[..., bytes]
QUESTIONS = ("/", "/health", "/models", "/static/page.js", "/photo/x/seen.png", "/attack/x/events")
CHANGES = ("/photo", "/sample/dog", "/photo/x/ask", "/attack", "/attack/x/stop")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:7860",
        "127.0.0.1",
        "127.0.0.1:80",
        "localhost:7861",
        "[::1]",
        "",
    ],
)
@pytest.mark.parametrize("path", QUESTIONS)
def test_a_host_that_is_not_this_page_is_refused(asker: Any, path: str, host: str) -> None:
    assert asker.get(path, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "[::1]:7860"])
def test_each_name_of_this_machine_is_its_host(asker: Any, host: str) -> None:
    assert asker.get("/health", headers={"Host": host}).status_code == 200


def test_at_the_usual_port_a_host_may_leave_it_out() -> None:
    assert "127.0.0.1" in own_hosts(80)
    assert "127.0.0.1" not in own_hosts(7860)


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Origin", None),
        ("Origin", "null"),
        ("Origin", "http://evil.example"),
        ("Origin", "https://127.0.0.1:7860"),
        ("Origin", "http://127.0.0.1:7861"),
        ("Origin", "http://localhost:7860"),
        ("Sec-Fetch-Site", None),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Site", "none"),
        (TOKEN, None),
        (TOKEN, ""),
        (TOKEN, "of another start"),
    ],
)
def test_a_change_has_to_come_from_the_page(
    asker: Any, path: str, name: str, value: str | None
) -> None:
    headers = asker.headers()
    del headers[name]
    headers |= {} if value is None else {name: value}
    assert asker.client.post(path, content=b"", headers=headers).status_code == 403


def test_each_start_has_a_token_of_its_own(asker: Any, ask_of: Any) -> None:
    with ask_of(asker.page.settings) as other:
        assert other.token != asker.token and len(other.token) >= 32


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(asker: Any, method: str) -> None:
    answer = asker.client.request(method, "/photo", headers=asker.headers())
    assert answer.status_code == 403
    assert not any(name.lower().startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("path", [*QUESTIONS, "/nothing", "/example/photo.png"])
def test_every_answer_says_what_a_browser_may_do_with_it(asker: Any, path: str) -> None:
    answer = asker.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert "access-control-allow-origin" not in answer.headers
    refused = asker.get(path, headers={"Host": "evil.example"})
    assert refused.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]


def test_the_policy_allows_nothing_but_what_is_ours() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy
    assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy


def test_the_page_keeps_to_its_policy(asker: Any) -> None:
    text = asker.get("/").text
    assert not re.search(r"<[^>]+\sstyle=", text)
    assert not re.search(r"<[^>]+\son\w+=", text)
    scripts = re.findall(r"<script([^>]*)>", text)
    assert scripts and all("src=" in each or "application/json" in each for each in scripts)
    assert not re.findall(r"""(?:src|href)=["']https?://(?!127)""", text.partition("<footer")[0])


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/example/..%2fapp.py",
        "/example/%2e%2e%2fapp.py",
        "/example/facts.json",
        "/photo/..%2f..%2fetc%2fpasswd/file.webp",
        "/sample/..%2fapp.py",
        "/attack/..%2f/changed.png",
    ],
)
def test_no_path_leads_to_a_file_that_is_not_the_pages(asker: Any, path: str) -> None:
    answer = asker.get(path) if "sample" not in path else asker.post(path)
    assert answer.status_code in (404, 405, 410)
    assert b"build_app" not in answer.content and b"root:" not in answer.content


def test_the_name_of_a_file_is_only_told(asker: Any, draw: Draw, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    answer = asker.drop(draw(), "..%2F..%2Fetc%2Fpass%00wd.png")
    assert answer.json()["file"]["name"] == "passwd.png"
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_is_written_anywhere(asker: Any, draw: Draw, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    attack, _ = asker.fooled(draw())
    for name in ("changed.png", "change.png", "film.webp", "facts.json"):
        assert asker.get(f"/attack/{attack}/{name}").status_code == 200
    assert sorted(tmp_path.rglob("*")) == before


def test_a_body_that_says_it_is_too_long_is_not_read(served: Any) -> None:
    with served(body_bytes=1000) as page, page.socket() as line:
        line.sendall(page.head("POST /photo?run=m0", "Content-Length: 1001"))
        answer = _answer(line)
    assert b" 413 " in answer and b"e_bytes" in answer


def test_a_body_that_grows_too_long_is_cut_off(served: Any) -> None:
    """It says nothing of its length, and never ends."""
    with served(body_bytes=1000) as page, page.socket() as line:
        line.sendall(page.head("POST /photo?run=m0", "Transfer-Encoding: chunked"))
        for _ in range(6):
            line.sendall(b"c8\r\n" + 200 * b"x" + b"\r\n")
        assert b" 413 " in _answer(line)


def test_a_question_may_be_no_longer_than_it_needs(asker: Any) -> None:
    answer = asker.post("/attack", 30_000 * b" ")
    assert answer.status_code == 413


def test_a_body_that_does_not_end_is_cut_off(served: Any) -> None:
    with served(body_seconds=0.2) as page, page.socket() as line:
        line.sendall(page.head("POST /photo?run=m0", "Content-Length: 500") + b"a few")
        began = time.monotonic()
        assert b" 408 " in _answer(line)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1"])
def test_a_header_that_does_not_end_is_cut_off(served: Any, sent: bytes) -> None:
    with served(header_seconds=0.2) as page, page.socket() as line:
        line.sendall(sent)
        began = time.monotonic()
        assert _closed(line)
        assert time.monotonic() - began < 5


def test_so_is_one_that_comes_in_drops_behind_a_whole_request(served: Any) -> None:
    with served(header_seconds=0.3) as page, page.socket() as line:
        line.sendall(page.head("GET /health"))
        assert b" 200 " in _answer(line)
        began = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - began < 10:
                line.sendall(b"G")
                time.sleep(0.05)
        assert time.monotonic() - began < 5


def test_a_header_without_end_is_refused(served: Any) -> None:
    with served() as page, page.socket() as line:
        line.sendall(page.head("GET /")[:-2] + b"X: " + 100_000 * b"x")
        assert b" 400 " in _answer(line)


def test_there_are_only_so_many_connections(served: Any) -> None:
    with served(connections=4) as page:
        lines = [page.socket() for _ in range(6)]
        time.sleep(0.1)
        lines[-1].sendall(page.head("GET /health"))
        assert b" 503 " in _answer(lines[-1])
        for line in lines:
            line.close()


def test_pixels_are_counted_before_they_are_decoded(asker: Any, draw: Draw) -> None:
    data = bytearray(draw())
    data[16:24] = 2 * (9000).to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    answer = asker.drop(bytes(data), "bomb.png")
    assert (answer.status_code, answer.json()["key"]) == (413, "e_pixels")
    assert answer.json()["values"]["n"] == 81


@pytest.mark.parametrize(
    ("data", "status", "key"),
    [
        (b"", 415, "e_notimage"),
        (b"GIF", 415, "e_notimage"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "e_notimage"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 415, "e_notimage"),
        (b"<!doctype html><script>alert(1)</script>", 415, "e_notimage"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", 415, "e_heic"),
    ],
)
def test_a_file_is_what_its_bytes_are(asker: Any, data: bytes, status: int, key: str) -> None:
    answer = asker.drop(data, "photo.png")
    assert (answer.status_code, answer.json()["key"]) == (status, key)
    assert answer.json()["values"]["name"] == "photo.png"


def test_a_file_cut_short_and_a_damaged_one_are_told_apart(asker: Any, draw: Draw) -> None:
    whole = draw(width=400, height=400, kind="JPEG")
    assert asker.drop(whole[: len(whole) * 3 // 4]).json()["key"] == "e_cut"
    broken = bytearray(draw())
    broken[-20] ^= 255
    assert asker.drop(bytes(broken)).json()["key"] == "e_damaged"


def test_what_is_shown_was_encoded_anew(asker: Any, draw: Draw) -> None:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 30.0)}  # where it was taken
    exif[0x010F] = "a camera"
    data = draw(kind="JPEG", exif=exif)
    assert b"a camera" in data
    found = asker.photo(data)
    for path in ("file.webp", "seen.png?run=m0"):
        shown = asker.get(f"/photo/{found['photo']}/{path}").content
        assert b"camera" not in shown and not Image.open(io.BytesIO(shown)).getexif()


def test_ids_cannot_be_guessed(asker: Any, draw: Draw) -> None:
    ids = {asker.photo(draw())["photo"] for _ in range(3)}
    assert len(ids) == 3 and all(len(each) >= 16 for each in ids)
    assert asker.get("/photo/0/seen.png").status_code == 410
    assert asker.get("/attack/0/facts.json").status_code == 410


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"photo": 1, "run": "m0"}',
        b'{"photo": "x"}',
        b"\xff",
    ],
)
def test_a_question_that_is_none_is_refused(asker: Any, body: bytes) -> None:
    answer = asker.post("/attack", body)
    assert (answer.status_code, answer.json()["key"]) == (422, "e_request")


@pytest.mark.parametrize(
    "wrong",
    [
        {"attack": "pgd:steps=1000000000"},
        {"attack": "nothing"},
        {"norm": "l7"},
        {"confidence": 1.5},
        {"target": 2},
        {"target": -1},
        {"effort": "endless"},
        {"seed": 0.5},
    ],
)
def test_a_search_that_is_none_is_refused(asker: Any, draw: Draw, wrong: dict[str, Any]) -> None:
    photo = asker.photo(draw())
    answer = asker.post("/attack", {"photo": photo["photo"], "run": "m0", **wrong})
    assert (answer.status_code, answer.json()["key"]) == (422, "e_request"), json.dumps(wrong)


def _answer(line: Any) -> bytes:
    """A whole answer, head and body."""
    found = b""
    while more := line.recv(4000):
        found += more
        length = re.search(rb"content-length: (\d+)", found)
        _, end, body = found.partition(b"\r\n\r\n")
        if end and len(body) >= int(length[1] if length else 0):
            break
    return found


def _closed(line: Any) -> bool:
    """Whether the other side ends the connection, before ten seconds are over."""
    try:
        return line.recv(4000) == b""
    except ConnectionResetError:
        return True
