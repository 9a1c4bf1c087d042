"""One address: resumed from where it broke, tried again a few times, and every way it can fail named."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handson.assets import AssetFile, Cache, download, fetch
from handson.assets.sources import SourceError, UnreachableError
from tests.assets.conftest import CONTENT, Answer, Recorder, Upstream, asset, described, saying, sending


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    return tmp_path / "file.partial"


def problem(url: str, partial: Path, watcher: Recorder | None = None) -> str:
    with pytest.raises(SourceError) as failure:
        download.download(url, described(url), partial, watcher or Recorder())
    return str(failure.value)


# Resuming


def test_a_broken_connection_is_resumed_where_it_broke_and_said(
    upstream: Upstream, partial: Path, watcher: Recorder
) -> None:
    upstream.answers["*"] = sending(CONTENT, cut_after=[100_000, 50_000])
    assert download.download(upstream.url, described(upstream.url), partial, watcher)
    assert partial.read_bytes() == CONTENT
    assert [asked.get("range") for asked in upstream.asked] == [None, "bytes=100000-", "bytes=150000-"]
    assert [asked.get("if-range") for asked in upstream.asked] == [None, '"v1"', '"v1"']
    assert len(watcher.notes) == 2
    assert watcher.notes[0].startswith("folder/file.bin: the connection to 127.0.0.1 broke (")
    assert watcher.notes[0].endswith("trying again in 0.01 s (1 of 3)")


def test_after_four_broken_connections_it_gives_up_and_keeps_what_came(
    upstream: Upstream, partial: Path, watcher: Recorder
) -> None:
    upstream.answers["*"] = sending(CONTENT, cut_after=[1000] * 10)
    assert problem(upstream.url, partial, watcher).endswith(") (4 attempts)")
    assert len(upstream.asked) == 4
    assert partial.read_bytes() == CONTENT[:4000]
    assert ["in 0.01 s" in watcher.notes[0], "in 0.02 s" in watcher.notes[1], "in 0.04 s" in watcher.notes[2]] == [
        True
    ] * 3


def test_a_long_download_over_a_bad_line_goes_on_as_long_as_it_advances(
    upstream: Upstream, partial: Path, watcher: Recorder
) -> None:
    content = bytes(7 << 20)
    upstream.answers["*"] = sending(content, cut_after=[1 << 20] * 6)
    download.download(upstream.url, described(upstream.url, content=content), partial, watcher)
    assert partial.stat().st_size == len(content)
    assert len(upstream.asked) == 7


def test_a_server_that_ignores_ranges_sends_it_all_again(upstream: Upstream, partial: Path, watcher: Recorder) -> None:
    partial.write_bytes(CONTENT[:1000])
    upstream.answers["*"] = sending(CONTENT, ranges=False)
    assert not download.download(upstream.url, described(upstream.url), partial, watcher)
    assert partial.read_bytes() == CONTENT
    assert watcher.notes == ["folder/file.bin: 127.0.0.1 begins anew in place of resuming"]


def test_a_file_that_changed_between_two_tries_is_begun_anew(
    upstream: Upstream, partial: Path, watcher: Recorder
) -> None:
    answers = [sending(CONTENT[::-1], etag='"old"', cut_after=[1000]), sending(CONTENT, etag='"new"')]
    upstream.answers["*"] = lambda request: answers.pop(0)(request)
    download.download(upstream.url, described(upstream.url), partial, watcher)
    assert upstream.asked[1]["if-range"] == '"old"'
    assert partial.read_bytes() == CONTENT


def test_a_changed_file_that_the_server_does_not_tell_is_found_and_begun_anew(
    upstream: Upstream, cache: Cache, watcher: Recorder
) -> None:
    file = described(upstream.url)
    partial = cache.path(file).with_suffix(".partial")
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT[::-1][:1000])
    upstream.answers["*"] = sending(CONTENT, etag=None)
    (fetched,) = fetch(asset(file), watcher, cache=cache)
    assert fetched.location.read_bytes() == CONTENT
    assert watcher.notes[0].startswith(
        "folder/file.bin: the parts do not fit together (its content was changed (SHA-256 "
    )
    assert watcher.notes[0].endswith("; fetching it from the beginning.")


def test_a_weak_tag_is_not_asked_for(upstream: Upstream, partial: Path, watcher: Recorder) -> None:
    upstream.answers["*"] = sending(CONTENT, etag='W/"v1"', cut_after=[1000])
    download.download(upstream.url, described(upstream.url), partial, watcher)
    assert "if-range" not in upstream.asked[1]
    assert upstream.asked[1]["range"] == "bytes=1000-"


def test_another_address_resumes_what_the_first_left_without_its_tag(
    upstream: Upstream, cache: Cache, watcher: Recorder
) -> None:
    upstream.answers["/first"] = sending(CONTENT, cut_after=[1000, 0, 0, 0])
    upstream.answers["/second"] = sending(CONTENT, etag='"another"')
    (fetched,) = fetch(asset(described(f"{upstream.url}/first", f"{upstream.url}/second")), watcher, cache=cache)
    assert fetched.source == f"{upstream.url}/second"
    assert upstream.asked[-1]["range"] == "bytes=1000-"
    assert "if-range" not in upstream.asked[-1]


def test_a_server_that_answers_with_another_part_is_asked_from_the_beginning(
    upstream: Upstream, partial: Path, watcher: Recorder
) -> None:
    partial.write_bytes(CONTENT[:1000])
    answers: list[Answer] = [
        saying(206, CONTENT[500:], Content_Range=f"bytes 500-{len(CONTENT) - 1}/{len(CONTENT)}"),
        sending(CONTENT),
    ]
    upstream.answers["*"] = lambda request: answers.pop(0)(request)
    download.download(upstream.url, described(upstream.url), partial, watcher)
    assert partial.read_bytes() == CONTENT
    assert "another part was sent than asked for (bytes 500-255999/256000), so this begins anew" in watcher.text


def test_a_server_that_refuses_the_range_is_asked_from_the_beginning(
    upstream: Upstream, partial: Path, watcher: Recorder
) -> None:
    partial.write_bytes(CONTENT[:1000])
    answers = [saying(416), sending(CONTENT)]
    upstream.answers["*"] = lambda request: answers.pop(0)(request)
    download.download(upstream.url, described(upstream.url), partial, watcher)
    assert partial.read_bytes() == CONTENT
    assert (
        "it does not go on from what is here (416 Requested Range Not Satisfiable), so this begins anew" in watcher.text
    )


def test_a_part_of_a_file_of_another_size_is_refused(upstream: Upstream, partial: Path) -> None:
    partial.write_bytes(CONTENT[:1000])
    upstream.answers["*"] = sending(CONTENT + b"more")
    assert problem(upstream.url, partial) == "the file was changed there: it has 256,004 bytes in place of 256,000"
    assert partial.read_bytes() == CONTENT[:1000]


def test_a_gzip_file_labelled_as_compressed_is_kept_as_it_is(
    upstream: Upstream, partial: Path, watcher: Recorder
) -> None:
    upstream.answers["*"] = saying(200, CONTENT, Content_Encoding="gzip")
    download.download(upstream.url, described(upstream.url), partial, watcher)
    assert partial.read_bytes() == CONTENT


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()


@settings(max_examples=25, deadline=None)
@given(content=st.binary(min_size=1, max_size=300), data=st.data())
def test_resumed_from_any_byte_the_file_is_the_same(
    shared_upstream: Upstream, content: bytes, data: st.DataObject
) -> None:
    here = data.draw(st.integers(0, len(content)), label="bytes already here")
    cut = data.draw(st.integers(0, len(content)), label="bytes until the connection breaks")
    shared_upstream.answers["*"] = sending(content, cut_after=[cut])
    assert fetched_over(shared_upstream, content, content[:here]) == content


@settings(max_examples=25, deadline=None)
@given(content=st.binary(min_size=1, max_size=300), left=st.binary(max_size=400))
def test_whatever_lies_there_from_an_earlier_try_the_file_is_right(
    shared_upstream: Upstream, content: bytes, left: bytes
) -> None:
    shared_upstream.answers["*"] = sending(content)
    assert fetched_over(shared_upstream, content, left) == content


def fetched_over(upstream: Upstream, content: bytes, left: bytes) -> bytes:
    """What a fetch of `content` keeps where an earlier one left `left`."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder))
        file = described(upstream.url, content=content, path="any.html")
        partial = cache.path(file).with_suffix(".partial")
        partial.parent.mkdir(parents=True)
        partial.write_bytes(left)
        (fetched,) = fetch(asset(file), Recorder(), cache=cache)
        return fetched.location.read_bytes()


# Refused, silent, unreachable


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (404, "it is not there (404 Not Found)"),
        (410, "it is not there (410 Gone)"),
        (403, "127.0.0.1 refuses it (403 Forbidden): a proxy or filter of this network may be in between"),
        (401, "127.0.0.1 refuses it (401 Unauthorized): a proxy or filter of this network may be in between"),
        (
            511,
            "this network wants a log-in first (511 Network Authentication Required). "
            "Open a browser, log in, and try again",
        ),
    ],
)
def test_a_refusal_is_named_and_not_asked_again(upstream: Upstream, partial: Path, status: int, told: str) -> None:
    upstream.answers["*"] = saying(status)
    assert problem(upstream.url, partial) == told
    assert len(upstream.asked) == 1


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_a_few_times(upstream: Upstream, partial: Path, status: int) -> None:
    upstream.answers["*"] = saying(status)
    assert problem(upstream.url, partial).startswith(f"127.0.0.1 is in trouble ({status} ")
    assert len(upstream.asked) == 4


def test_a_server_in_trouble_that_recovers_gives_the_file(upstream: Upstream, partial: Path, watcher: Recorder) -> None:
    answers = [saying(503), sending(CONTENT)]
    upstream.answers["*"] = lambda request: answers.pop(0)(request)
    download.download(upstream.url, described(upstream.url), partial, watcher)
    assert partial.read_bytes() == CONTENT
    assert watcher.notes == [
        "folder/file.bin: 127.0.0.1 is in trouble (503 Service Unavailable); trying again in 0.01 s (1 of 3)"
    ]


def test_a_redirect_in_a_circle_is_named(upstream: Upstream, partial: Path) -> None:
    upstream.answers["*"] = saying(302, Location="/again")
    assert problem(upstream.url, partial).startswith("it redirects astray (")
    assert "log-in page of this network. Open a browser" in problem(upstream.url, partial)


@pytest.mark.parametrize(
    ("sent", "awaited"),
    [(0, "its answer"), (1000, "the rest after 1,000 of 256,000 bytes")],
    ids=["at once", "on the way"],
)
def test_silence_is_named_with_what_was_awaited(
    upstream: Upstream, partial: Path, monkeypatch: pytest.MonkeyPatch, sent: int, awaited: str
) -> None:
    over = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        if sent:
            request.send_response(200)
            request.send_header("Content-Length", str(len(CONTENT)))
            request.end_headers()
            request.wfile.write(CONTENT[:sent])
        over.wait(60)

    upstream.answers["*"] = answer
    monkeypatch.setattr(download, "TIMEOUT", httpx.Timeout(5.0, read=0.2))
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    told = problem(upstream.url, partial)
    over.set()
    assert told == f"127.0.0.1 was silent for 0.2 s while {awaited} was awaited (1 attempts)"


def test_a_host_that_does_not_even_take_the_call_is_named(partial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT", httpx.Timeout(5.0, connect=0.2))
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(8)]
        for client in waiting:  # fills the queue of a server that never accepts
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        try:
            assert problem(f"http://127.0.0.1:{port}/", partial).startswith("no connection to 127.0.0.1 within 0.2 s")
        finally:
            for client in waiting:
                client.close()


def test_a_port_where_nobody_listens_is_named(partial: Path) -> None:
    assert problem("http://127.0.0.1:9/", partial) == "127.0.0.1 refuses the connection"


@pytest.mark.parametrize(
    "message",
    [
        (-2, "Name or service not known"),
        (-3, "Temporary failure in name resolution"),
        (8, "nodename nor servname provided, or not known"),
        (11001, "getaddrinfo failed"),
    ],
    ids=["Linux", "Linux without resolver", "macOS", "Windows"],
)
def test_a_name_that_cannot_be_resolved_means_no_network(
    partial: Path, monkeypatch: pytest.MonkeyPatch, message: tuple[int, str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(*message)

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert (
        problem("http://example.invalid/", partial) == "example.invalid cannot be found: there seems to be no network"
    )


def test_a_server_that_speaks_no_tls_is_named(upstream: Upstream, partial: Path) -> None:
    told = problem(f"https://127.0.0.1:{upstream.port}/", partial)
    assert told.startswith("the secure connection to 127.0.0.1 failed (")
    assert (
        "is this laptop's clock right? If a proxy of the house reads along, name its certificate in SSL_CERT_FILE"
        in told
    )


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the command openssl to make a certificate")
def test_a_certificate_that_nobody_vouches_for_is_named(upstream: Upstream, partial: Path, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=x",
    ]
    subprocess.run([*make, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    upstream.server.socket = context.wrap_socket(upstream.server.socket, server_side=True)
    told = problem(f"https://127.0.0.1:{upstream.port}/", partial)
    assert told.startswith("the secure connection to 127.0.0.1 failed ([SSL: CERTIFICATE_VERIFY_FAILED]")
    assert "is this laptop's clock right?" in told


# Proxies


def test_a_proxy_that_cannot_be_reached_is_named_without_its_password(
    partial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@127.0.0.1:9")
    with pytest.raises(UnreachableError) as failure:
        download.download("https://example.invalid/", described("https://example.invalid/"), partial, Recorder())
    assert str(failure.value).startswith("example.invalid cannot be reached through the proxy 127.0.0.1:9 (")
    assert str(failure.value).endswith("): is HTTPS_PROXY or HTTP_PROXY right?")
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_log_in_is_named(
    upstream: Upstream, partial: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", upstream.url)
    upstream.answers["*"] = saying(407)
    told = problem(f"{scheme}://example.invalid/", partial)
    assert f"proxy 127.0.0.1:{upstream.port}" in told
    assert "407 Proxy Authentication Required" in told


def test_a_proxy_setting_that_means_nothing_is_named(partial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "gopher://127.0.0.1:9")
    told = problem("http://example.invalid/", partial)
    assert told.startswith("the proxy 127.0.0.1:9 cannot be used: ")
    assert told.endswith("Correct HTTPS_PROXY or HTTP_PROXY")


def test_certificates_that_cannot_be_read_are_named(partial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "no/such/file.pem")
    told = problem("http://127.0.0.1:9/", partial)
    assert told.startswith("the certificates of SSL_CERT_FILE=no/such/file.pem cannot be read: ")


def test_the_file_is_asked_for_uncompressed(upstream: Upstream, partial: Path, watcher: Recorder) -> None:
    upstream.answers["*"] = sending(CONTENT)
    file: AssetFile = described(upstream.url)
    download.download(upstream.url, file, partial, watcher)
    assert upstream.asked[0]["accept-encoding"] == "identity"
