from __future__ import annotations

import base64
import errno
import gzip
import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from PIL import Image

from handson.errors import HandsonError
from handson.kit import frontend, site
from handson.kit.carried import Carried
from handson.kit.site import build_site, markdown
from handson.lessons.catalog import read_catalog
from handson.nodejs import Npm
from handson.workshop import read_workshop
from tests.conftest import CAT
from tests.kit.test_packing import bytes_of


def content_of(index: Path) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="site">(.*?)</script>', index.read_text(encoding="utf-8"))
    assert found
    return json.loads(found[1])


Make = Callable[..., Path]
ON_PAGE = ("tiers: [laptop]", "tiers: [page, laptop]")


@pytest.mark.usefixtures("front")
def test_a_lesson_of_the_page_comes_with_its_cells_and_prose(make_workshop: Make, tmp_path: Path) -> None:
    built = build_site(read_catalog(read_workshop(make_workshop(ON_PAGE))), tmp_path / "site")
    about = content_of(built.index)
    (card,) = about["lessons"]  # type: ignore[misc]
    assert card["here"]
    assert (card["title"], card["minutes"]) == ("Add", 5)
    (part,) = about["resources"][card["script"]]  # type: ignore[index]
    script = (built.folder / part["path"]).read_bytes()
    text = gzip.decompress(bytes_of(script[script.index(b',"') + 2 : script.rindex(b'")')])).decode()
    lesson = json.loads(text)
    kinds = [(cell["kind"], cell.get("role")) for cell in lesson["cells"]]
    assert kinds == [
        ("markdown", None), ("code", ""), ("code", "check"), ("code", "exercise"), ("markdown", None), ("code", ""),
    ]  # fmt: skip
    assert "<h1>Add</h1>" in lesson["cells"][0]["html"]
    assert "return 0" in lesson["cells"][3]["source"]
    assert "<summary>Hint 1</summary>" in lesson["cells"][4]["html"]
    assert built.lessons == ("add",)
    assert "Say it in one breath" not in text


@pytest.mark.usefixtures("front")
def test_a_lesson_that_cannot_run_there_says_what_it_needs(make_workshop: Make, tmp_path: Path) -> None:
    built = build_site(read_catalog(read_workshop(make_workshop(("[laptop]", "[laptop, room]")))), tmp_path / "site")
    (card,) = content_of(built.index)["lessons"]  # type: ignore[misc]
    assert not card["here"]
    assert card["why"] == "Needs handson installed on a laptop."
    assert card["script"] == ""
    assert built.elsewhere == ("add",)


@pytest.mark.usefixtures("front")
def test_the_manifest_has_every_file_and_its_hash(make_workshop: Make, tmp_path: Path) -> None:
    built = build_site(read_catalog(read_workshop(make_workshop(ON_PAGE))), tmp_path / "site")
    listed = json.loads((built.folder / "manifest.json").read_text())["sha256"]
    found = {p.relative_to(built.folder).as_posix() for p in built.folder.rglob("*") if p.is_file()} - {"manifest.json"}
    assert set(listed) == found
    for path, digest in listed.items():
        assert hashlib.sha256((built.folder / path).read_bytes()).hexdigest() == digest
    assert built.files == len(found) + 1
    assert built.bytes == sum(p.stat().st_size for p in built.folder.rglob("*") if p.is_file())


@pytest.mark.usefixtures("front")
def test_two_builds_are_the_same_byte_for_byte(make_workshop: Make, tmp_path: Path) -> None:
    catalog = read_catalog(read_workshop(make_workshop(ON_PAGE)))
    one, two = build_site(catalog, tmp_path / "one"), build_site(catalog, tmp_path / "two")
    assert (one.folder / "manifest.json").read_bytes() == (two.folder / "manifest.json").read_bytes()


def test_an_older_site_is_replaced_and_anything_else_is_left_alone(
    make_workshop: Make, front: Path, tmp_path: Path
) -> None:
    catalog = read_catalog(read_workshop(make_workshop(ON_PAGE)))
    build_site(catalog, tmp_path / "site")
    (front / "page.js").write_text("/* newer */")
    built = build_site(catalog, tmp_path / "site")
    assert len(list((built.folder / "files").glob("page-*.js"))) == 1
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(HandsonError, match="holds something that is no site") as refused:
        build_site(catalog, other)
    assert "--to FOLDER" in refused.value.way_out
    assert (other / "thesis.txt").exists()


@pytest.mark.usefixtures("front")
def test_a_strangers_manifest_removes_nothing_outside(make_workshop: Make, tmp_path: Path) -> None:
    catalog = read_catalog(read_workshop(make_workshop(ON_PAGE)))
    (tmp_path / "site").mkdir()
    mine = [tmp_path / "thesis.txt", tmp_path / "also.txt"]
    for file in mine:
        file.write_text("years of work")
    paths = dict.fromkeys(["../thesis.txt", str(mine[1]), "old.txt", "."], "")
    (tmp_path / "site" / "old.txt").write_text("ours")
    paths["old.txt"] = hashlib.sha256(b"ours").hexdigest()
    paths["../also.txt"] = hashlib.sha256(b"years of work").hexdigest()
    (tmp_path / "site" / "thesis.docx").write_text("years of work")
    paths["thesis.docx"] = "0" * 64
    (tmp_path / "site" / "manifest.json").write_text(json.dumps({"handson": "0", "sha256": paths}))
    build_site(catalog, tmp_path / "site")
    assert all(file.exists() for file in mine)
    assert not (tmp_path / "site" / "old.txt").exists()
    assert (tmp_path / "site" / "thesis.docx").read_text() == "years of work"


@pytest.mark.usefixtures("front")
def test_ones_own_files_in_an_older_site_stay_and_changed_ones_are_told(make_workshop: Make, tmp_path: Path) -> None:
    catalog = read_catalog(read_workshop(make_workshop(ON_PAGE)))
    folder = build_site(catalog, tmp_path / "site").folder
    mine = [folder / place / "mine.txt" for place in ("files", "demos", "jupyter", "demos/deeper", ".")]
    for file in mine:
        file.parent.mkdir(exist_ok=True)
        file.write_text("mine")
    changed = next((folder / "files").glob("page-*.css"))
    changed.write_text("/* mine */")
    listed = json.loads((folder / "manifest.json").read_text())
    listed["sha256"]["files/older.css"] = hashlib.sha256(b"older").hexdigest()
    listed["sha256"]["emptied/then/older.css"] = hashlib.sha256(b"older").hexdigest()
    (folder / "manifest.json").write_text(json.dumps(listed))
    (folder / "files" / "older.css").write_text("/* mine */")
    (folder / "emptied" / "then").mkdir(parents=True)
    (folder / "emptied" / "then" / "older.css").write_text("older")
    told: list[str] = []
    built = build_site(catalog, folder, say=told.append)
    assert [file.read_text() for file in mine] == ["mine"] * len(mine)
    assert (folder / "files" / "older.css").read_text() == "/* mine */"
    assert not (folder / "emptied").exists()
    said = [text for text in told if "not as it was built" in text]
    assert [text.split()[0] for text in said] == [f"files/{changed.name}", "files/older.css"]
    assert changed.read_text() != "/* mine */"  # the new site has a file of that name
    assert "files/older.css" not in json.loads((built.folder / "manifest.json").read_text())["sha256"]


@pytest.mark.usefixtures("front")
def test_no_link_in_an_older_site_is_followed(make_workshop: Make, tmp_path: Path) -> None:
    catalog = read_catalog(read_workshop(make_workshop(ON_PAGE)))
    folder = build_site(catalog, tmp_path / "site").folder
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("index.html", "manifest.json"):
        (folder / name).rename(outside / name)
        (folder / name).symlink_to(outside / name)
    before = {file: file.read_bytes() for file in outside.iterdir()}
    build_site(catalog, folder)
    assert not any((folder / name).is_symlink() for name in ("index.html", "manifest.json"))
    (folder / "files").rename(outside / "files")
    (folder / "files").symlink_to(outside / "files")
    before |= {file: file.read_bytes() for file in (outside / "files").iterdir()}
    with pytest.raises(HandsonError, match="leads out of"):
        build_site(catalog, folder)
    assert {file: file.read_bytes() for file in outside.rglob("*") if file.is_file()} == before
    assert (folder / "index.html").is_file()  # refused before anything was removed


@pytest.mark.parametrize("manifest", ['{"name": "an app"}', "[]", '{"handson": "0", "sha256": [3]}'])
@pytest.mark.usefixtures("front")
def test_another_programs_manifest_makes_no_site(make_workshop: Make, tmp_path: Path, manifest: str) -> None:
    (tmp_path / "app" / "files").mkdir(parents=True)
    (tmp_path / "app" / "files" / "mine.txt").write_text("mine")
    (tmp_path / "app" / "manifest.json").write_text(manifest)
    with pytest.raises(HandsonError, match="holds something that is no site"):
        build_site(read_catalog(read_workshop(make_workshop(ON_PAGE))), tmp_path / "app")
    assert (tmp_path / "app" / "files" / "mine.txt").exists()


@pytest.mark.parametrize(
    ("to", "cause"),
    [("file", "is a file, not a folder"), ("file/site", "is a file, not a folder"), ("mine", "holds something"),
     ("closed/site", "closed may not be written to")],
)  # fmt: skip
def test_a_folder_that_will_not_do_is_refused_before_anything_is_built(
    make_workshop: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str, cause: str
) -> None:
    for folder in ("mine", "closed"):
        (tmp_path / folder).mkdir()
    for file in ("file", "mine/thesis.txt"):
        (tmp_path / file).write_text("years of work")
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "closed" and real(path, mode))
    monkeypatch.setattr(site, "front_end", lambda _: pytest.fail("it was built"))
    monkeypatch.setattr(site, "carried", lambda *_: pytest.fail("data were made small"))
    with pytest.raises(HandsonError, match=cause) as refused:
        build_site(read_catalog(read_workshop(make_workshop(ON_PAGE))), tmp_path / to)
    assert "--to" in refused.value.way_out


@pytest.mark.usefixtures("front")
def test_a_disk_that_becomes_full_is_told_with_what_is_needed(
    make_workshop: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = read_catalog(read_workshop(make_workshop(ON_PAGE)))
    whole = build_site(catalog, tmp_path / "whole")
    needed = sum((whole.folder / path).stat().st_size for path in content_hashes(whole.folder))
    room = [needed // 2]
    write = Path.write_bytes

    def limited(self: Path, content: bytes) -> int:
        room[0] -= len(content)
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, content)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", limited)
        with pytest.raises(HandsonError, match="is incomplete: No space left on device") as told:
            build_site(catalog, tmp_path / "site")
    assert f"{tmp_path / 'site'} is incomplete" in told.value.cause
    assert f"It needs about {needed / 1e6:.1f} MB in all; " in told.value.cause
    assert "build again" in told.value.way_out
    assert not (tmp_path / "site" / "index.html").exists()
    assert build_site(catalog, tmp_path / "site").bytes == whole.bytes


def test_an_error_that_is_not_of_writing_stays_a_defect(
    make_workshop: Make, front: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (front / "page.css").unlink()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    catalog = read_catalog(read_workshop(make_workshop(ON_PAGE)))
    with pytest.raises(FileNotFoundError):
        build_site(catalog, tmp_path / "site")

    def unreadable(*_: object) -> None:
        raise gzip.BadGzipFile("Not a gzipped file")

    monkeypatch.setattr(site, "_card", unreadable)
    with pytest.raises(gzip.BadGzipFile):
        build_site(catalog, tmp_path / "site")


def content_hashes(folder: Path) -> dict[str, str]:
    return dict(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["sha256"])


@pytest.mark.usefixtures("front")
def test_what_was_not_fetched_is_counted_with_the_lessons_that_miss_it(
    make_workshop: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "cache"))
    root = make_workshop(("#   tiers: [laptop]", "#   assets: [cat]\n#   tiers: [page, laptop]"), assets=CAT)
    built = build_site(read_catalog(read_workshop(root)), tmp_path / "site")
    assert (built.not_fetched, built.on_stand_ins) == (("cat",), ("add",))
    whole = build_site(read_catalog(read_workshop(root)), tmp_path / "site", take=Carried({}, {}, {}))
    assert (whole.not_fetched, whole.on_stand_ins) == ((), ())


def test_a_build_that_was_interrupted_is_begun_again(
    make_workshop: Make, front: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = read_catalog(read_workshop(make_workshop(ON_PAGE)))

    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(site, "_html", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_site(catalog, tmp_path / "site")
    (front / "worker.js").write_text("/* newer */")
    left = {file.name for file in (tmp_path / "site" / "files").iterdir()}
    built = build_site(catalog, tmp_path / "site")
    assert built.index.is_file()
    listed = json.loads((built.folder / "manifest.json").read_text())["sha256"]
    found = {file.relative_to(built.folder).as_posix() for file in built.folder.rglob("*") if file.is_file()}
    assert found == {*listed, "manifest.json"}  # what the interrupted one wrote is gone
    assert left - {Path(path).name for path in listed}


@pytest.mark.usefixtures("front")
def test_assets_are_packed_and_named_for_python(make_workshop: Make, tmp_path: Path) -> None:
    catalog = read_catalog(read_workshop(make_workshop(ON_PAGE)))
    files = {"digits": {"assets/a": b"a" * 9, "assets/b": b"b"}}
    take = Carried(files, {"digits": {"files": {}}}, {"add": ("digits",)})
    built = build_site(catalog, tmp_path / "site", take=take)
    about = content_of(built.index)
    assert about["files"] == {"digits": {"/assets/assets/a": "digits-0", "/assets/assets/b": "digits-1"}}
    assert about["texts"] == {"/home/learner/.handson/assets.json": '{"digits": {"files": {}}}'}
    (card,) = about["lessons"]  # type: ignore[misc]
    assert card["assets"] == ["digits"]
    assert set(about["resources"]) >= {"digits-0", "digits-1", "handson.zip"}  # type: ignore[call-overload]


def test_the_modules_that_come_along_are_those_that_lessons_import() -> None:
    modules = site._own_modules(with_networks=False)
    with zipfile.ZipFile(io.BytesIO(site._zipped(modules))) as archive:
        names = archive.namelist()
        assert archive.read("handson/errors.py") == modules["handson/errors.py"]
    assert {"handson/__init__.py", "handson/lab/__init__.py", "handson/page/session.py"} <= set(names)
    assert not [
        name
        for name in names
        if name.startswith(("handson/cli", "handson/kit", "handson/lessons")) or name.endswith((".pyc", ".webp"))
    ]
    assert not [name for name in names if "/zoo/weights/" in name]
    wasm = {"pocket.side.wasm", "pocket.side.relaxed.wasm"}  # which pocket/native.py chooses from in Pyodide
    assert {name for name in names if "/built/" in name} == {f"handson/pocket/built/{file}" for file in wasm}
    assert "handson/pocket/native.py" in names
    assert "handson/pocket/build.py" not in names
    assert not [name for name in names if b"handson.pocket.build" in modules[name]]
    assert "handson/lab/zoo/weights/cifar-robust.safetensors" in site._own_modules(with_networks=True)


def test_the_card_of_an_animation_is_its_last_frame() -> None:
    file = io.BytesIO()
    frames = [Image.new("RGB", (40, 60), color) for color in ("red", "green", "blue")]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(site._small(file.getvalue()))) as card:
        assert card.size == (512, 320)
        red, _, blue = card.convert("RGB").getpixel((256, 160))  # type: ignore[misc]
    assert blue > 200 > 60 > red


def test_prose_keeps_folded_hints_tables_and_attached_pictures() -> None:
    html = markdown(
        "<details><summary>Hint</summary>\n\nUse `+`.\n\n</details>\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n![A cat](attachment:cat.gif)"
    )
    assert "<details><summary>Hint</summary>" in html
    assert "<code>+</code>" in html
    assert "<td>2</td>" in html
    assert '<img src="attachment:cat.gif" alt="A cat"' in html


def test_without_npm_the_front_end_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "web" / "src").mkdir(parents=True)
    for name in ("package.json", "package-lock.json", "build.mjs"):
        (tmp_path / "web" / name).write_text("{}")
    monkeypatch.setattr(frontend, "CHECKOUT", tmp_path / "web")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(HandsonError, match=r"there is no npm \(with Node\.js 20 or newer\)") as refused:
        frontend.front_end()
    assert "Node.js 20" in refused.value.way_out
    assert "python3 start.py room" in refused.value.way_out


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A checkout in `tmp_path`, whose front end is built by adding to this list."""
    (tmp_path / "web" / "src").mkdir(parents=True)
    for name in ("package.json", "package-lock.json", "build.mjs"):
        (tmp_path / "web" / name).write_text("{}")
    monkeypatch.setattr(frontend, "CHECKOUT", tmp_path / "web")
    built: list[int] = []

    def build(_: object) -> None:
        (tmp_path / "web" / "dist").mkdir(exist_ok=True)
        built.append(1)

    monkeypatch.setattr(frontend, "_build", build)
    return built


def test_a_front_end_built_from_these_sources_is_not_built_again(tmp_path: Path, built: list[int]) -> None:
    assert frontend.front_end() == frontend.front_end() == tmp_path / "web" / "dist"
    assert len(built) == 1
    (tmp_path / "web" / "src" / "main.ts").write_text("changed")
    frontend.front_end()
    assert len(built) == 2


def test_a_front_end_that_another_builds_is_waited_for_and_not_built_again(tmp_path: Path, built: list[int]) -> None:
    web = tmp_path / "web"
    other = FileLock(web / ".lock")
    other.acquire()

    def said(text: str) -> None:
        assert text == "another handson is building the front end; waiting until it has"
        (web / "dist").mkdir()
        (web / "dist" / "built-from.json").write_text(json.dumps({"sources": frontend._digest(web)}))
        other.release()

    assert frontend.front_end(said) == web / "dist"
    assert not other.is_locked
    assert built == []


def test_packages_that_another_brings_are_waited_for_and_not_brought_again(
    tmp_path: Path, built: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    web = tmp_path / "web"
    npm = Npm(("npm",))
    monkeypatch.setattr(frontend, "npm", lambda: npm)
    monkeypatch.setattr(frontend, "_run", lambda _, *words: pytest.fail(f"ran {words}"))
    other = FileLock(web / ".lock")
    other.acquire()

    def said(_: str) -> None:
        (web / "node_modules").mkdir()
        lock = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()
        (web / "node_modules" / ".handson-lock").write_text(lock)
        other.release()

    assert frontend.packages(said) is npm
    assert not other.is_locked
    assert built == []


@pytest.mark.usefixtures("built")
def test_a_front_end_that_cannot_be_built_there_says_why(tmp_path: Path) -> None:
    (tmp_path / "web" / ".lock").mkdir()
    with pytest.raises(HandsonError, match=r"is to be built, and .* cannot be written: Is a directory") as refused:
        frontend.front_end()
    assert "writable" in refused.value.way_out


def test_a_wheel_without_the_front_end_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontend, "CHECKOUT", tmp_path / "nothing")
    monkeypatch.setattr(frontend, "IN_WHEEL", tmp_path / "kit")
    with pytest.raises(HandsonError, match="came without the front end"):
        frontend.front_end()
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "page.js").write_text("")
    assert frontend.front_end() == tmp_path / "kit"


def test_pictures_of_the_prose_become_smaller_and_still_move() -> None:
    frames = [Image.effect_noise((120, 120), 40 + k).convert("RGB") for k in range(4)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=[100, 100, 100, 2000])
    forms = site.smaller_picture({"image/gif": base64.b64encode(file.getvalue()).decode()})
    ((mime, text),) = forms.items()
    assert mime == "image/webp"
    assert len(base64.b64decode(text)) < len(file.getvalue())
    with Image.open(io.BytesIO(base64.b64decode(text))) as moving:
        assert moving.n_frames == 4  # type: ignore[attr-defined]


def test_a_picture_that_webp_does_not_make_smaller_stays() -> None:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 99).point(lambda gray: 255 * (gray > 127)).convert("1").save(file, "PNG")
    forms = {"image/png": base64.b64encode(file.getvalue()).decode()}
    assert site.smaller_picture(forms) == forms
