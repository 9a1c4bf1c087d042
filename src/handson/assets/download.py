"""One web address to one partial file: resumed from where it broke, and every way it can fail named."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from handson.assets.cache import size_of
from handson.assets.manifest import AssetFile
from handson.assets.sources import GaveUpError, SourceError, UnreachableError, Watcher, WrongContentError

TIMEOUT = httpx.Timeout(connect=15.0, read=30.0, write=30.0, pool=15.0)
ATTEMPTS = 4
FIRST_PAUSE = 0.5
"""Seconds before the second attempt; doubled before each one after it."""
_PROGRESS_WORTH_A_NEW_COUNT = 1 << 20
_WEB_PAGE = (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<script", b"<meta")
_LOG_IN = "Open a browser, log in, and try again"
_WEB_PAGE_NAMES = (".html", ".htm", ".xhtml", ".xml", ".svg")


class LostConnectionError(SourceError):
    """The connection broke or was silent: the same address is worth another attempt, from where it broke."""


def download(url: str, file: AssetFile, partial: Path, watcher: Watcher) -> bool:
    """Bring what `url` gives for `file` to `partial`, going on from what lies there; True if it did go on.

    A broken connection is tried again, a few times, after growing pauses. Nothing is verified here but the size: parts
    may be from different days. Raises SourceError, with `partial` left for another address or another day.
    """
    resumed = False
    attempt = 1
    while True:
        before = size_of(partial)
        try:
            return _download_once(url, file, partial, watcher) or resumed
        except LostConnectionError as problem:
            if size_of(partial) - before >= _PROGRESS_WORTH_A_NEW_COUNT:
                attempt = 1
            if attempt == ATTEMPTS:
                raise GaveUpError(f"{problem} ({ATTEMPTS} attempts)") from None
            pause = FIRST_PAUSE * 2 ** (attempt - 1)
            watcher.note(f"{file.path}: {problem}; trying again in {pause:g} s ({attempt} of {ATTEMPTS - 1})")
            time.sleep(pause)
            attempt += 1
            resumed = resumed or size_of(partial) > 0


def remote_size(url: str, file: AssetFile) -> int:
    """The bytes that `url` says it has; 0 where it does not say. Raises SourceError."""
    with _named(url, file, Path(os.devnull)), _client(url) as client:
        answer = client.head(url, headers={"Accept-Encoding": "identity"})
    if answer.status_code != httpx.codes.OK:
        raise SourceError(f"it is not there ({answer.status_code} {answer.reason_phrase})")
    length = answer.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def tag_of(partial: Path) -> Path:
    """Which version of which address `partial` is a part of: two lines, the address and its ETag."""
    return partial.with_name(partial.name + ".etag")


def _download_once(url: str, file: AssetFile, partial: Path, watcher: Watcher) -> bool:
    have = size_of(partial)
    if have == file.bytes:
        return True
    if have > file.bytes:
        partial.unlink()
        have = 0
    tag = tag_of(partial)
    headers = {"Accept-Encoding": "identity", **(_resume(url, have, tag) if have else {})}
    with _named(url, file, partial), _client(url) as client, client.stream("GET", url, headers=headers) as answer:
        _refuse_status(answer, partial)
        start = _start(answer, file, have, partial)
        pieces = answer.iter_raw()
        first = next(pieces, b"")
        _refuse_web_page(answer, file, first, url)
        _refuse_other_length(answer, file, start)
        if have and not start:
            watcher.note(f"{file.path}: {answer.url.host} begins anew in place of resuming")
        tag.write_text(f"{url}\n{answer.headers.get('etag', '')}", encoding="utf-8")
        _receive(first, pieces, file, partial, start, watcher)
    return start > 0


def _resume(url: str, have: int, tag: Path) -> dict[str, str]:
    """Ask for the rest; if this same address named a version, only as long as it is still that (RFC 9110, 13.1.5)."""
    headers = {"Range": f"bytes={have}-"}
    earlier, _, version = tag.read_text(encoding="utf-8").partition("\n") if tag.is_file() else ("", "", "")
    if earlier == url and version.startswith('"'):  # a weak one, W/"…", must not be asked for
        headers["If-Range"] = version
    return headers


@contextmanager
def _client(url: str) -> Iterator[httpx.Client]:
    try:
        client = httpx.Client(follow_redirects=True, timeout=TIMEOUT)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise SourceError(
            f"the proxy {_proxy_of(url)} cannot be used: {error}. Correct HTTPS_PROXY or HTTP_PROXY"
        ) from None
    except OSError as error:
        raise SourceError(
            f"the certificates of SSL_CERT_FILE={os.environ.get('SSL_CERT_FILE')} cannot be read: {error}"
        ) from None
    with client:
        yield client


@contextmanager
def _named(url: str, file: AssetFile, partial: Path) -> Iterator[None]:
    """What httpx raises, as what it means."""
    host = urlsplit(url).hostname or url
    try:
        yield
    except httpx.ConnectTimeout:
        raise LostConnectionError(f"no connection to {host} within {TIMEOUT.connect:g} s") from None
    except httpx.TimeoutException:
        awaited = f"the rest after {size_of(partial):,} of {file.bytes:,} bytes" if size_of(partial) else "its answer"
        raise LostConnectionError(f"{host} was silent for {TIMEOUT.read:g} s while {awaited} was awaited") from None
    except (httpx.ProxyError, httpx.ConnectError) as error:
        raise UnreachableError(_unreachable(str(error), host, _proxy_of(url))) from None
    except (httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
        raise SourceError(
            f"it redirects astray ({error}): perhaps to the log-in page of this network. {_LOG_IN}"
        ) from None
    except httpx.TransportError as error:
        raise LostConnectionError(f"the connection to {host} broke ({error or type(error).__name__})") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceError(f"{type(error).__name__}: {error}") from None


def _refuse_status(answer: httpx.Response, partial: Path) -> None:
    status, said = answer.status_code, f"{answer.status_code} {answer.reason_phrase}".strip()
    if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        partial.unlink(missing_ok=True)
        raise LostConnectionError(f"it does not go on from what is here ({said}), so this begins anew")
    if status == httpx.codes.NETWORK_AUTHENTICATION_REQUIRED:
        raise SourceError(f"this network wants a log-in first ({said}). {_LOG_IN}")
    if status == httpx.codes.PROXY_AUTHENTICATION_REQUIRED:
        raise SourceError(
            f"the proxy {_proxy_of(str(answer.url))} wants a log-in ({said}): HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT"
        )
    if status >= 500 or status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT):
        raise LostConnectionError(f"{answer.url.host} is in trouble ({said})")
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise SourceError(f"{answer.url.host} refuses it ({said}): a proxy or filter of this network may be in between")
    if status not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        raise SourceError(f"it is not there ({said})")


def _start(answer: httpx.Response, file: AssetFile, have: int, partial: Path) -> int:
    """At which byte of the file the answer begins."""
    if answer.status_code != httpx.codes.PARTIAL_CONTENT:
        return 0
    said = answer.headers.get("content-range", "")
    part = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", said)
    if not part or int(part[1]) != have:
        partial.unlink(missing_ok=True)
        raise LostConnectionError(f"another part was sent than asked for ({said or 'unnamed'}), so this begins anew")
    if part[2] not in ("*", str(file.bytes)):
        raise WrongContentError(f"the file was changed there: it has {int(part[2]):,} bytes in place of {file.bytes:,}")
    return have


def _refuse_web_page(answer: httpx.Response, file: AssetFile, first: bytes, url: str) -> None:
    if file.path.lower().endswith(_WEB_PAGE_NAMES):
        return
    called_page = answer.headers.get("content-type", "").startswith("text/html")
    other_length = answer.headers.get("content-length") != str(file.bytes)
    begins_as_page = first[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_WEB_PAGE)
    if answer.status_code == httpx.codes.OK and (begins_as_page or (called_page and other_length)):
        by = "" if answer.url.host == urlsplit(url).hostname else f", from {answer.url.host}"
        raise WrongContentError(f"a log-in page of the network answered in place of the file{by}. {_LOG_IN}")


def _refuse_other_length(answer: httpx.Response, file: AssetFile, start: int) -> None:
    length = answer.headers.get("content-length", "")
    if length.isdecimal() and start + int(length) > file.bytes:
        raise WrongContentError(
            f"the file was changed there: it has {start + int(length):,} bytes in place of {file.bytes:,}"
        )


def _receive(first: bytes, rest: Iterator[bytes], file: AssetFile, partial: Path, start: int, watcher: Watcher) -> None:
    have = start
    with partial.open("r+b" if start else "wb") as target:
        target.seek(start)
        watcher.at(have)
        for piece in chain((first,), rest):
            have += len(piece)
            if have > file.bytes:
                target.truncate(0)
                raise WrongContentError(f"it goes on beyond the {file.bytes:,} bytes of the file: it was changed there")
            target.write(piece)
            watcher.at(have)


def _unreachable(message: str, host: str, proxy: str) -> str:
    lower = message.lower()
    if "certificate" in lower or "ssl" in lower:
        return (
            f"the secure connection to {host} failed ({message}): is this laptop's clock right? If a proxy of the "
            "house reads along, name its certificate in SSL_CERT_FILE"
        )
    if proxy:
        return f"{host} cannot be reached through the proxy {proxy} ({message}): is HTTPS_PROXY or HTTP_PROXY right?"
    if any(
        sign in lower
        for sign in ("name or service", "name resolution", "nodename", "getaddrinfo", "no address", "-2]", "-3]")
    ):
        return f"{host} cannot be found: there seems to be no network"
    if "refused" in lower:
        return f"{host} refuses the connection"
    return f"no connection to {host} ({message}): there seems to be no network"


def _proxy_of(url: str) -> str:
    """The proxy that this machine's settings say for `url`, without its password; empty for none."""
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all", "")
    return (
        ""
        if not proxy or proxy_bypass(parts.hostname or "")
        else proxy.rpartition("@")[2].rpartition("//")[2].rstrip("/")
    )
