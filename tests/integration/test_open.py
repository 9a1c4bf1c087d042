"""`handson open` with the real JupyterLab: a learner's first quarter of an hour, in a browser that reaches nothing outside.

The lesson runs on its embedded data, so nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client import BlockingKernelClient

from tests.integration.browser import NotebookPage, chromium, wait_until

ROOT = Path(__file__).parents[2]
NOTEBOOK = Path("vision") / "02_digits.ipynb"
EXERCISES = ["softmax_gradient", "step"]
ADDRESS = re.compile(r"http://127\.0\.0\.1:(?P<port>\d+)/lab\S*\?token=(?P<token>\S+)")
SEVEN = [(-60, -70), (0, -75), (60, -70), (30, -20), (5, 30), (-10, 80)]
NETWORKS = {"weighted sum", "layer in between", "window that slides"}
ERRORS = '.jp-OutputArea [data-mime-type="application/vnd.jupyter.stderr"]'
PAD = ".handson-pad-answer, .handson-pad-trouble"
FIRST_CODE_CELL = 1

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

# The child gets the terminal that is its standard input as its own, so that Ctrl-C there reaches it as in a shell.
OWN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


def variables(folder: Path) -> dict[str, str]:
    """A learner's environment: a home, a cache and a configuration of their own."""
    paths = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"HOME": "home", "HANDSON_CACHE": "cache", "XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "xdg"}
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **{name: str(folder / at) for name, at in own.items()}}


def command(workspace: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "handson", "open", "digits", "--no-browser", "--to", str(workspace), *more]


def handson_open(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """A `handson open` that ends by itself."""
    return subprocess.run(
        command(folder / "workspace", *more), cwd=ROOT, env=variables(folder), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", timeout=120,
    )  # fmt: skip


@dataclass
class Opened:
    """A `handson open` that runs."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def notebook(self) -> Path:
        return self.workspace / NOTEBOOK

    def output(self) -> str:
        return (self.folder / "output.txt").read_text(encoding="utf-8")

    def address(self) -> re.Match[str]:
        """The address it prints, once the server answers there."""
        found = wait_until(lambda: ADDRESS.search(self.output()) or self.process.poll(), "an address", seen=self.output)
        assert isinstance(found, re.Match), f"handson open ended with {found}: {self.output()}"
        wait_until(lambda: self._answers(found), f"an answer at {found[0]}", seen=self.output)
        return found

    def _answers(self, address: re.Match[str]) -> bool:
        assert self.process.poll() is None, f"handson open ended: {self.output()}"
        try:
            self.ask(address, "/api/status")
        except urllib.error.URLError:
            return False
        return True

    def ask(self, address: re.Match[str], path: str, method: str = "GET") -> Any:
        """The server's answer (JSON) to a request for `path`."""
        target = f"http://127.0.0.1:{address['port']}{path}"
        header = {"Authorization": f"token {address['token']}"}
        asked = urllib.request.Request(target, b"{}" if method == "POST" else None, header, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=60) as answer:
            return json.load(answer)


@contextmanager
def opened(folder: Path, stdin: int = subprocess.DEVNULL, *before: str) -> Iterator[Opened]:
    """`handson open` in a session of its own; nothing of it is left afterwards."""
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [*before, *command(folder / "workspace")], cwd=ROOT, env={**variables(folder), "PYTHONUNBUFFERED": "1"},
            stdin=stdin, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            yield Opened(folder, process)
        finally:
            end_with_children(process)


def end_with_children(process: subprocess.Popen[bytes]) -> None:
    """End `process` and whatever it started (a kernel has a session of its own)."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    for member in [process, *family]:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait(timeout=60)
    psutil.wait_procs(family, timeout=60)


def wait_for_kernel(connection: Path) -> None:
    """Return once the kernel answers; raises RuntimeError where it does not within two minutes."""
    deadline = time.monotonic() + 120
    while True:
        client = BlockingKernelClient()
        client.load_connection_file(str(connection))
        client.start_channels()
        try:
            client.wait_for_ready(timeout=deadline - time.monotonic())
            return
        except RuntimeError:  # on a busy machine a late heartbeat counts as a death
            if time.monotonic() > deadline:
                raise
        finally:
            client.stop_channels()


def cells_with_outputs(notebook: Path) -> list[dict[str, Any]]:
    """The code cells of the notebook as it lies on the disk; none before it is saved, whole, with its last output."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except ValueError:
        return []  # it is being written
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    return code if code[-1]["outputs"] else []


def name_of_exercise(cell: dict[str, Any]) -> str | None:
    found = re.search(r"^lab\.check\((\w+)\)", "".join(cell["source"]), re.MULTILINE)
    return found[1] if found else None


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """*Digits*, opened by `handson open`."""
    with opened(tmp_path_factory.mktemp("digits")) as workshop:
        yield workshop


@pytest.fixture(scope="module")
def page(digits: Opened) -> Iterator[NotebookPage]:
    """*Digits* in the browser, at the address that `handson open` printed, after Run All Cells."""
    with chromium(digits.folder) as driver:
        address = digits.address()[0]
        cells = json.loads(digits.notebook.read_text(encoding="utf-8"))["cells"]
        shown = NotebookPage(driver, address, len(cells))
        shown.run_all_cells()
        yield shown


@pytest.mark.browser
def test_a_learner_who_runs_all_cells_gets_the_picture_in_their_folder_and_on_the_page(
    digits: Opened, page: NotebookPage
) -> None:
    picture = digits.workspace / "pictures" / "digits.png"
    assert picture.read_bytes().startswith(b"\x89PNG"), "no PNG was saved"
    shown = page.all('.jp-OutputArea figure[aria-label*="hardest"] img')
    assert len(shown) == 24
    assert {int(image.get_property("naturalWidth")) for image in shown} == {28}, "places without a picture"


@pytest.mark.browser
def test_the_figures_are_drawn(page: NotebookPage) -> None:
    wait_until(lambda: page.texts(".jp-RenderedVegaLite svg"), "the bars, drawn from their description", seen=page)
    bars = " ".join(page.texts(".jp-RenderedVegaLite svg"))
    assert {network for network in NETWORKS if network in bars} == NETWORKS, bars
    curves = page.texts(".jp-OutputArea .jp-RenderedHTML svg")
    assert len(curves) == 4, f"a curve for each of the four trainings: {curves}"
    assert not any("NaN" in text or "undefined" in text for text in [bars, *curves])


@pytest.mark.browser
def test_the_open_exercises_say_not_yet_and_no_other_cell_shows_an_error(digits: Opened, page: NotebookPage) -> None:
    cells = wait_until(lambda: cells_with_outputs(digits.notebook), "the outputs to be saved", seen=page)
    failed = {}
    for cell in cells:
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                failed["".join(cell["source"])] = (name_of_exercise(cell), "".join(output["traceback"]))
    assert [name for name, _ in failed.values()] == EXERCISES, failed
    assert all("Not yet" in told and "Traceback" not in told for _, told in failed.values()), failed
    not_yet = [text for text in page.texts(ERRORS) if "Not yet" in text]
    assert len(not_yet) == len(EXERCISES), f"shown on the page: {page.texts(ERRORS)}"


@pytest.mark.browser
def test_a_digit_drawn_with_the_mouse_is_read(page: NotebookPage) -> None:
    canvas = wait_until(lambda: page.all(".handson-pad-canvas"), "the pad", seen=page)[0]
    page.draw(canvas, SEVEN)
    wait_until(
        lambda: re.fullmatch(r"\d", "".join(page.texts(".handson-pad-best"))), "the guess", seen=lambda: page.texts(PAD)
    )
    assert re.fullmatch(r"[\d.]+ %", "".join(page.texts(".handson-pad-sure"))), page.texts(PAD)
    assert page.texts(".handson-pad-trouble") == [""]


@pytest.mark.browser
def test_no_dialog_or_notification_stands_before_the_lesson_and_nobody_is_asked_for_news(page: NotebookPage) -> None:
    assert page.texts(".jp-Dialog") == []
    assert page.texts(".Toastify__toast") == []
    assert page.texts(".jp-Notification-Status-Text") == ["0"], "notifications that wait to be looked at"
    news = [address for address in page.traffic.addresses if re.search(r"/lab/api/(news|update)", address)]
    assert not news, "the server would have been sent for them, to the internet"


@pytest.mark.browser
def test_no_request_leaves_this_machine(page: NotebookPage) -> None:
    assert any("/api/kernels" in address for address in page.traffic.addresses), "the record holds the whole visit"
    assert page.traffic.outside() == []
    # JupyterLab puts an attached picture into the page before it has resolved its address, and logs that; and what
    # `kit site --with-jupyterlite` needs in the environment brings an extension that cannot start in JupyterLab itself.
    harmless = re.compile(r"attachment:|.* Error: Shared module @jupyterlite/")
    said = [entry["message"] for entry in page.driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert [message for message in said if not harmless.match(message)] == []


@pytest.mark.browser
def test_the_lesson_begins_with_the_picture_that_it_ends_with(page: NotebookPage) -> None:
    script = "return [...document.querySelectorAll('.jp-MarkdownCell img')].map(img => img.naturalWidth)"
    wait_until(lambda: any(page.driver.execute_script(script)), "the picture of the first cell", seen=page)


@pytest.mark.browser
def test_an_edit_is_saved_by_itself_and_survives_a_second_open(digits: Opened, page: NotebookPage) -> None:
    page.write_line(page.cells()[FIRST_CODE_CELL], "# my own line")
    wait_until(
        lambda: "# my own line" in digits.notebook.read_text(encoding="utf-8"), "the edit on the disk", seen=page
    )
    handson_open(digits.folder)
    assert "# my own line" in digits.notebook.read_text(encoding="utf-8")
    given = sorted(path.name for path in digits.notebook.parent.glob("*.ipynb"))
    lessons = sorted(f"{path.stem}.ipynb" for path in (ROOT / "lessons" / "vision").glob("*.py"))
    assert given == lessons, "nothing is put beside: no newer version"


def test_a_second_open_tells_that_the_workshop_is_already_open_and_where(digits: Opened) -> None:
    address = digits.address()[0]
    second = handson_open(digits.folder)
    assert second.returncode == 0, second.stdout
    assert "is already open" in second.stdout
    assert address in second.stdout
    assert digits.process.poll() is None, "the first one goes on"


def test_a_port_that_is_taken_is_told_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = handson_open(tmp_path, "--port", str(port))
    assert refused.returncode == 1
    assert f"Port {port} is taken" in refused.stdout
    assert "Leave --port out" in refused.stdout
    assert "Traceback" not in refused.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="the Ctrl-C of a Windows console cannot be sent to one program")
def test_ctrl_c_in_the_terminal_ends_the_server_and_its_kernels_without_a_question(tmp_path: Path) -> None:
    terminal, inside = os.openpty()
    try:
        with opened(tmp_path, inside, sys.executable, "-c", OWN_TERMINAL) as workshop:
            address = workshop.address()
            kernel = workshop.ask(address, "/api/kernels", "POST")["id"]
            wait_for_kernel(workshop.workspace / ".handson" / "jupyter" / "runtime" / f"kernel-{kernel}.json")
            family = psutil.Process(workshop.process.pid).children(recursive=True)
            assert any("ipykernel_launcher" in " ".join(member.cmdline()) for member in family)
            os.write(terminal, b"\x03")
            wait_until(
                lambda: workshop.process.poll() is not None, "the end after Ctrl-C", patience=30, seen=workshop.output
            )
            assert not re.search(r"y/\[?n|Traceback", workshop.output()), workshop.output()
            _, left = psutil.wait_procs(family, timeout=30)
            assert not left, f"these go on without it: {left}"
    finally:
        os.close(inside)
        os.close(terminal)
