"""A fetch brings the right file or says why not; what is wrong is never kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from handson.assets import AssetFile, Cache, FetchError, Sources, fetch, fetching, read_manifest
from handson.errors import HandsonError
from tests.assets.conftest import CONTENT, Recorder, Upstream, asset, described, saying, sending

NOWHERE = "http://127.0.0.1:9/nobody"


def kept_files(cache: Cache) -> list[Path]:
    return [path for path in cache.root.rglob("*") if path.is_file() and path.suffix not in (".lock", ".verified")]


def test_a_file_is_fetched_once_verified_and_kept_read_only(
    upstream: Upstream, cache: Cache, watcher: Recorder
) -> None:
    upstream.answers["/file"] = sending(CONTENT)
    file = described(f"{upstream.url}/file")
    (first,) = fetch(asset(file), watcher, cache=cache)
    assert (first.how, first.source, first.bytes) == ("fetched", f"{upstream.url}/file", len(CONTENT))
    assert first.location == cache.root / "sha256" / file.sha256[:2] / file.sha256
    assert first.location.read_bytes() == CONTENT
    assert not first.location.stat().st_mode & stat.S_IWUSR
    assert watcher.begun == [("folder/file.bin", len(CONTENT))]
    assert watcher.steps[-1] == len(CONTENT)
    assert watcher.steps == sorted(watcher.steps)
    assert kept_files(cache) == [first.location]
    (second,) = fetch(asset(file), watcher, cache=cache)
    assert second.how == "was here"
    assert len(upstream.asked) == 1


def test_the_next_address_is_asked_when_the_first_fails(upstream: Upstream, cache: Cache, watcher: Recorder) -> None:
    upstream.answers["/second"] = sending(CONTENT)
    (fetched,) = fetch(asset(described(f"{upstream.url}/first", f"{upstream.url}/second")), watcher, cache=cache)
    assert fetched.source == f"{upstream.url}/second"
    assert watcher.notes == [f"folder/file.bin: not from {upstream.url}/first: it is not there (404 Not Found)."]


def test_when_all_addresses_fail_each_answer_is_told(upstream: Upstream, cache: Cache, watcher: Recorder) -> None:
    with pytest.raises(FetchError) as failure:
        fetch(asset(described(f"{upstream.url}/a", f"{upstream.url}/b")), watcher, cache=cache)
    assert failure.value.cause == (
        "folder/file.bin could not be fetched. Asked:\n"
        f"  {upstream.url}/a\n    it is not there (404 Not Found)\n"
        f"  {upstream.url}/b\n    it is not there (404 Not Found)"
    )
    assert failure.value.way_out == (
        "With no network, bring it on a stick: HANDSON_MIRROR=FOLDER, where it lies as folder/file.bin. "
        "Until then the lessons use what comes with them."
    )


def test_one_file_that_nobody_has_keeps_no_other_from_coming(
    upstream: Upstream, cache: Cache, watcher: Recorder
) -> None:
    upstream.answers["/there"] = sending(CONTENT)
    gone = described(f"{upstream.url}/gone", content=CONTENT[::-1], path="folder/gone.bin")
    there = described(f"{upstream.url}/there")
    with pytest.raises(FetchError, match=r"folder/gone\.bin could not be fetched"):
        fetch({"a": asset(gone)["thing"], "b": asset(there)["thing"]}, watcher, cache=cache)
    assert cache.holds(there)


def test_a_host_that_nobody_answers_at_is_asked_once_and_all_that_is_missing_is_named(
    cache: Cache, watcher: Recorder
) -> None:
    files = [described(NOWHERE, content=bytes([n]), path=f"folder/{n}.bin") for n in range(3)]
    with pytest.raises(FetchError) as failure:
        fetch(asset(*files), watcher, cache=cache)
    assert len(watcher.notes) == 1
    assert "folder/0.bin could not be fetched" in failure.value.cause
    assert failure.value.cause.endswith("Nor could 2 more: folder/1.bin, folder/2.bin.")


def test_many_files_of_an_asset_are_counted_and_what_no_lesson_needs_has_no_stand_in(
    cache: Cache, watcher: Recorder
) -> None:
    files = [described(NOWHERE, content=bytes([n]), path=f"folder/{n}.bin") for n in range(12)]
    extra = {name: one.model_copy(update={"extra": True}) for name, one in asset(*files).items()}
    with pytest.raises(FetchError) as failure:
        fetch(extra, watcher, cache=cache)
    assert failure.value.cause.endswith("\nNor could 11 more: 11 of thing.")
    assert failure.value.way_out.endswith("where it lies as folder/0.bin.")
    assert "Until then" not in failure.value.way_out


# What is wrong is named and not kept


def refusal(url: str, cache: Cache) -> str:
    with pytest.raises(FetchError) as failure:
        fetch(asset(described(url)), Recorder(), cache=cache)
    assert kept_files(cache) == []
    return failure.value.cause


def test_a_changed_file_is_named_with_both_hashes(upstream: Upstream, cache: Cache) -> None:
    changed = CONTENT[::-1]
    upstream.answers["*"] = sending(changed)
    found, wanted = hashlib.sha256(changed).hexdigest(), hashlib.sha256(CONTENT).hexdigest()
    assert f"its content was changed (SHA-256 {found} in place of {wanted})" in refusal(upstream.url, cache)


def test_a_truncated_file_is_named(upstream: Upstream, cache: Cache) -> None:
    upstream.answers["*"] = sending(CONTENT[:1000])
    assert "it is cut off: 1,000 of 256,000 bytes (SHA-256 " in refusal(upstream.url, cache)


def test_a_longer_file_is_named_before_it_is_loaded(upstream: Upstream, cache: Cache) -> None:
    upstream.answers["*"] = sending(CONTENT + b"more")
    assert "the file was changed there: it has 256,004 bytes in place of 256,000" in refusal(upstream.url, cache)


def test_a_longer_file_of_untold_length_is_stopped(upstream: Upstream, cache: Cache) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(CONTENT + b"more")

    upstream.answers["*"] = answer
    with pytest.raises(FetchError, match="it goes on beyond the 256,000 bytes of the file: it was changed there"):
        fetch(asset(described(upstream.url)), Recorder(), cache=cache)
    assert [path.stat().st_size for path in kept_files(cache) if path.suffix == ".partial"] == [0]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<!DOCTYPE html><title>Welcome to Hotel Wi-Fi</title>", "text/html"),
        (b"\xef\xbb\xbf\n  <html>Please accept our terms</html>", "application/octet-stream"),
        (b"<!-- portal --> <p>Log in</p>", "text/html; charset=utf-8"),
    ],
    ids=["plain", "mislabelled", "begins with a comment"],
)
def test_a_log_in_page_is_named_as_such(upstream: Upstream, cache: Cache, body: bytes, kind: str) -> None:
    upstream.answers["*"] = saying(200, body, Content_Type=kind)
    assert (
        "a log-in page of the network answered in place of the file. Open a browser, log in, and try again"
    ) in refusal(upstream.url, cache)


def test_a_redirect_to_a_log_in_page_tells_whose_it_is(upstream: Upstream, cache: Cache) -> None:
    upstream.answers["/file"] = saying(302, Location=f"http://localhost:{upstream.port}/portal")
    upstream.answers["/portal"] = saying(200, b"<html>log in", Content_Type="text/html")
    told = refusal(f"{upstream.url}/file", cache)
    assert "a log-in page of the network answered in place of the file, from localhost. Open a browser" in told


def test_a_log_in_page_does_not_cost_what_was_already_here(upstream: Upstream, cache: Cache) -> None:
    file = described(upstream.url)
    partial = cache.path(file).with_suffix(".partial")
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT[:5000])
    upstream.answers["*"] = saying(200, b"<html>log in", Content_Type="text/html")
    with pytest.raises(FetchError, match="log-in page"):
        fetch(asset(file), Recorder(), cache=cache)
    assert partial.read_bytes() == CONTENT[:5000]


def test_an_asset_that_is_a_web_page_is_fetched(upstream: Upstream, cache: Cache, watcher: Recorder) -> None:
    page = b"<!doctype html><title>An asset</title>"
    upstream.answers["*"] = saying(200, page, Content_Type="text/html")
    (fetched,) = fetch(asset(described(upstream.url, content=page, path="page.html")), watcher, cache=cache)
    assert fetched.location.read_bytes() == page


# The cache is damaged


def fetched_once(upstream: Upstream, cache: Cache) -> Path:
    upstream.answers["*"] = sending(CONTENT)
    (fetched,) = fetch(asset(described(upstream.url)), Recorder(), cache=cache)
    fetched.location.chmod(0o644)
    return fetched.location


@pytest.mark.parametrize("damage", [CONTENT[:-1], b"x" + CONTENT[1:]], ids=["truncated", "one byte changed"])
def test_a_damaged_file_is_named_removed_and_fetched_anew(
    upstream: Upstream, cache: Cache, watcher: Recorder, damage: bytes
) -> None:
    location = fetched_once(upstream, cache)
    location.write_bytes(damage)
    location.chmod(0o444)
    (again,) = fetch(asset(described(upstream.url)), watcher, cache=cache)
    assert again.how == "fetched"
    assert location.read_bytes() == CONTENT
    assert watcher.notes == [f"folder/file.bin is damaged in the cache ({location}): it is removed and fetched anew."]


def test_bit_rot_that_left_size_and_time_alone_is_found_by_a_fetch(
    upstream: Upstream, cache: Cache, watcher: Recorder
) -> None:
    location = fetched_once(upstream, cache)
    before = location.stat()
    location.write_bytes(b"x" + CONTENT[1:])
    os.utime(location, ns=(before.st_atime_ns, before.st_mtime_ns))
    fetch(asset(described(upstream.url)), watcher, cache=cache)
    assert location.read_bytes() == CONTENT
    assert "is damaged in the cache" in watcher.text


# The disk


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    upstream: Upstream, cache: Cache, watcher: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(HandsonError) as failure:
        fetch(asset(described(upstream.url)), watcher, cache=cache)
    assert failure.value.cause == (
        f"The disk is too full: 0.3 MB are to be fetched to {cache.root} and 50 MB are to stay free, "
        "but 1.0 MB are free."
    )
    assert failure.value.way_out == "Free some space, or name a folder on another disk in HANDSON_CACHE."
    assert upstream.asked == []


def test_what_is_here_already_needs_no_room(
    upstream: Upstream, cache: Cache, watcher: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched_once(upstream, cache)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 0))
    (fetched,) = fetch(asset(described(upstream.url)), watcher, cache=cache)
    assert fetched.how == "was here"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full (Linux)")
def test_a_disk_that_becomes_full_on_the_way_is_told(upstream: Upstream, cache: Cache, watcher: Recorder) -> None:
    upstream.answers["*"] = sending(CONTENT)
    file = described(upstream.url)
    partial = cache.path(file).with_suffix(".partial")
    partial.parent.mkdir(parents=True)
    partial.symlink_to("/dev/full")
    with pytest.raises(HandsonError) as failure:
        fetch(asset(file), watcher, cache=cache)
    assert failure.value.cause == f"The disk became full; {partial.parent} could not take the whole file."
    assert failure.value.way_out == "Free some space and run the command again: it goes on where it stopped."


def test_a_cache_that_cannot_be_written_is_named(upstream: Upstream, cache: Cache, watcher: Recorder) -> None:
    cache.root.parent.mkdir(parents=True)
    cache.root.write_text("a file where the folder should be")
    with pytest.raises(HandsonError) as failure:
        fetch(asset(described(upstream.url)), watcher, cache=cache)
    assert failure.value.cause == f"{cache.root} could not be read or written: File exists."
    assert failure.value.way_out == "Name a folder of your own in HANDSON_CACHE."


# The mirror


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    (tmp_path / "stick" / "folder").mkdir(parents=True)
    (tmp_path / "stick" / "folder" / "file.bin").write_bytes(CONTENT)
    return tmp_path / "stick"


@pytest.mark.parametrize("spelling", [str, Path.as_uri], ids=["path", "file URL"])
def test_a_folder_named_by_handson_mirror_is_asked_first(
    stick: Path, spelling: Callable[[Path], str], cache: Cache, watcher: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDSON_MIRROR", spelling(stick))
    (fetched,) = fetch(asset(described(NOWHERE)), watcher, cache=cache)
    assert fetched.source == str(stick / "folder" / "file.bin")
    assert fetched.location.read_bytes() == CONTENT
    assert watcher.notes == []
    assert watcher.steps[-1] == len(CONTENT)


def test_a_web_address_named_by_handson_mirror_is_asked_first_by_the_files_path(
    upstream: Upstream, cache: Cache, watcher: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.answers["/m/a%20folder/f%23.bin"] = sending(CONTENT)
    monkeypatch.setenv("HANDSON_MIRROR", f"{upstream.url}/m/")
    (fetched,) = fetch(asset(described(NOWHERE, path="a folder/f#.bin")), watcher, cache=cache)
    assert fetched.source == f"{upstream.url}/m/a%20folder/f%23.bin"


@pytest.mark.parametrize(
    ("in_the_mirror", "told"),
    [
        (None, "it has no such file."),
        (CONTENT[:7], "it is cut off: 7 of 256,000 bytes (SHA-256 "),
        (CONTENT[::-1], "its content was changed (SHA-256 "),
    ],
    ids=["absent", "truncated", "changed"],
)
def test_a_mirror_without_the_right_file_is_told_and_the_published_address_asked(
    in_the_mirror: bytes | None, told: str, stick: Path, upstream: Upstream, cache: Cache, watcher: Recorder
) -> None:
    mirrored = stick / "folder" / "file.bin"
    mirrored.unlink()
    if in_the_mirror is not None:
        mirrored.write_bytes(in_the_mirror)
    upstream.answers["*"] = sending(CONTENT)
    (fetched,) = fetch(asset(described(upstream.url)), watcher, cache=cache, sources=Sources(stick))
    assert fetched.source == upstream.url
    assert len(watcher.notes) == 1
    assert watcher.notes[0].startswith(f"folder/file.bin: not from the mirror, {mirrored}: {told}")
    assert kept_files(cache) == [fetched.location]


def test_a_mirror_with_a_wrong_file_does_not_cost_what_a_download_left(
    stick: Path, upstream: Upstream, cache: Cache, watcher: Recorder
) -> None:
    (stick / "folder" / "file.bin").write_bytes(CONTENT[::-1])
    upstream.answers["*"] = sending(CONTENT)
    file = described(upstream.url)
    partial = cache.path(file).with_suffix(".partial")
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT[:5000])
    fetch(asset(file), watcher, cache=cache, sources=Sources(stick))
    assert upstream.asked[0]["range"] == "bytes=5000-"


def test_a_mirror_where_nobody_answers_is_an_error_with_the_way_out(cache: Cache, watcher: Recorder) -> None:
    with pytest.raises(HandsonError) as failure:
        fetch(asset(described(NOWHERE)), watcher, cache=cache, sources=Sources("http://127.0.0.1:9/m"))
    assert failure.value.cause == (
        "HANDSON_MIRROR names http://127.0.0.1:9/m/, and nobody answers there: 127.0.0.1 refuses the connection."
    )
    assert (
        failure.value.way_out
        == "Correct it, or go on without: without HANDSON_MIRROR the published addresses are asked."
    )


def test_offline_asks_the_mirror_and_nobody_else(
    stick: Path, upstream: Upstream, cache: Cache, watcher: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.answers["*"] = sending(CONTENT)
    monkeypatch.setenv("HANDSON_MIRROR", str(stick))
    monkeypatch.setenv("HANDSON_OFFLINE", "1")
    absent = described(upstream.url, content=b"other", path="other.bin")
    with pytest.raises(FetchError) as failure:
        fetch(asset(described(upstream.url), absent), watcher, cache=cache)
    assert "it has no such file\n  no published address, as HANDSON_OFFLINE is set" in failure.value.cause
    assert upstream.asked == []
    assert cache.holds(described(upstream.url))


# Two at once, and one that was killed

FETCH = """
import sys
from handson.assets import fetch
from tests.assets.conftest import asset, described

class Watcher:
    def begin(self, name, total): print("begins", name, flush=True)
    def at(self, done): pass
    def note(self, text): print(text, flush=True)

print(fetch(asset(described(sys.argv[1])), Watcher())[0].how)
"""


def start_fetch(url: str) -> subprocess.Popen[str]:
    folders = (Path(fetching.__file__).parents[2], Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))}
    return subprocess.Popen([sys.executable, "-c", FETCH, url], stdout=subprocess.PIPE, text=True, env=environment)


def half_then_the_rest_when(go_on: threading.Event) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(CONTENT)))
        request.end_headers()
        request.wfile.write(CONTENT[:128_000])
        request.wfile.flush()
        assert go_on.wait(60), "the test never let the server go on"
        request.wfile.write(CONTENT[128_000:])

    return answer


def wait_until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, f"waited 60 s for: {what}"
        time.sleep(0.01)


def test_of_two_processes_the_second_says_that_it_waits_and_uses_the_firsts_file(upstream: Upstream) -> None:
    go_on = threading.Event()
    upstream.answers["*"] = half_then_the_rest_when(go_on)
    with start_fetch(upstream.url) as first:
        wait_until(lambda: len(upstream.asked) == 1, "the first process to ask")
        with start_fetch(upstream.url) as second:
            assert second.stdout
            assert (
                second.stdout.readline() == "folder/file.bin: another handson is fetching it; waiting until it has.\n"
            )
            go_on.set()
            assert second.communicate(timeout=60)[0] == "was here\n"
        assert first.communicate(timeout=60)[0].endswith("fetched\n")
    assert len(upstream.asked) == 1


def test_of_two_threads_one_fetches_and_both_have_the_file(upstream: Upstream, cache: Cache) -> None:
    go_on = threading.Event()
    upstream.answers["*"] = half_then_the_rest_when(go_on)
    watchers = [Recorder(), Recorder()]
    how: list[str] = []
    files = asset(described(upstream.url))
    threads = [threading.Thread(target=lambda w=w: how.append(fetch(files, w, cache=cache)[0].how)) for w in watchers]
    for thread in threads:
        thread.start()
    wait_until(lambda: any("another handson" in watcher.text for watcher in watchers), "one thread to wait")
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert sorted(how) == ["fetched", "was here"]
    assert len(upstream.asked) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a thing of POSIX")
def test_a_fetch_that_was_killed_is_resumed_by_the_next(upstream: Upstream, watcher: Recorder) -> None:
    go_on = threading.Event()
    upstream.answers["*"] = half_then_the_rest_when(go_on)
    cache, file = Cache.default(), described(upstream.url)
    partial = cache.path(file).with_suffix(".partial")
    with start_fetch(upstream.url) as process:
        wait_until(lambda: partial.is_file() and partial.stat().st_size > 0, "some bytes of the file")
        process.kill()
    go_on.set()
    here = partial.stat().st_size
    upstream.answers["*"] = sending(CONTENT)
    (fetched,) = fetch(asset(file), watcher)
    assert upstream.asked[-1]["range"] == f"bytes={here}-"
    assert fetched.location.read_bytes() == CONTENT
    assert watcher.steps[0] == here


# The workshop's own assets


def test_all_that_the_workshops_lessons_need_is_fetched_from_the_mirror_alone(
    mirror: Path, cache: Cache, watcher: Recorder
) -> None:
    manifest = read_manifest(Path(__file__).parents[2] / "assets.toml")
    sources = Sources(mirror, offline=True)
    needed = manifest.select(manifest.needed())
    fetched = fetch(needed, watcher, cache=cache, sources=sources)
    assert {file.asset for file in fetched} == set(needed)
    assert all(cache.holds(file) for chosen in needed.values() for file in chosen.files)
    assert watcher.notes == []


# Files of which their publisher states only the beginning of the hash


def begun(*urls: str, content: bytes = CONTENT) -> AssetFile:
    digits = hashlib.sha256(content).hexdigest()[:8]
    return AssetFile(path="folder/file.bin", urls=urls, sha256=digits)


def test_a_hash_that_is_only_begun_is_held_against_and_the_size_asked_for(
    upstream: Upstream, cache: Cache, watcher: Recorder
) -> None:
    upstream.answers["/file"] = sending(CONTENT)
    file = begun(f"{upstream.url}/file")
    (fetched,) = fetch(asset(file), watcher, cache=cache)
    assert fetched.location.read_bytes() == CONTENT
    assert fetched.location.name == file.sha256
    assert watcher.begun == [("folder/file.bin", len(CONTENT))]
    assert cache.holds(file)
    (again,) = fetch(asset(file), watcher, cache=cache)
    assert again.how == "was here"


def test_another_file_in_its_place_is_refused(upstream: Upstream, cache: Cache, watcher: Recorder) -> None:
    upstream.answers["/file"] = sending(CONTENT[::-1])
    with pytest.raises(FetchError, match="its content was changed"):
        fetch(asset(begun(f"{upstream.url}/file")), watcher, cache=cache)
    assert kept_files(cache) == []


def test_a_size_that_is_not_said_or_cannot_be_is_refused(upstream: Upstream, cache: Cache, watcher: Recorder) -> None:
    upstream.answers["/huge"] = saying(200, Content_Length="99999999999999")
    upstream.answers["/silent"] = saying(200, Content_Length="0")
    with pytest.raises(FetchError) as failure:
        fetch(asset(begun(*(f"{upstream.url}/{name}" for name in ("huge", "silent", "gone")))), watcher, cache=cache)
    assert "it has 99,999,999,999,999 bytes there" in failure.value.cause
    assert "it does not say how large it is" in failure.value.cause
    assert "it is not there (404 Not Found)" in failure.value.cause


def test_a_mirror_serves_such_a_file_too(cache: Cache, watcher: Recorder, tmp_path: Path) -> None:
    (tmp_path / "mirror" / "folder").mkdir(parents=True)
    (tmp_path / "mirror" / "folder" / "file.bin").write_bytes(CONTENT)
    sources = Sources(mirror=tmp_path / "mirror", offline=True)
    (fetched,) = fetch(asset(begun(NOWHERE)), watcher, cache=cache, sources=sources)
    assert fetched.how == "fetched"


def test_a_mirror_without_such_a_file_says_so(cache: Cache, watcher: Recorder, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="it has no such file"):
        fetch(asset(begun(NOWHERE)), watcher, cache=cache, sources=Sources(mirror=tmp_path, offline=True))
