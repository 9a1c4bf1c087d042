"""JupyterLab on loopback with a token, in the learner's folder, apart from whatever Jupyter the laptop already has."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import webbrowser
from dataclasses import dataclass
from pathlib import Path

from handson.errors import HandsonError
from handson.lessons.backend import VARIABLE, backend, startup
from handson.lessons.jupyterlab import LAB_SETTINGS
from handson.lessons.threads import PASSIVE_THREADS

ADDRESS = "127.0.0.1"
DEFAULT_PORT = 8888
_PORTS_TRIED = 50
LOG = "log.txt"


@dataclass(frozen=True)
class LabServer:
    """Where a JupyterLab answers; `url` holds the token."""

    port: int
    token: str

    def url(self, notebook: Path | None) -> str:
        """The address that opens `notebook` (relative to the workspace)."""
        tree = f"/tree/{urllib.parse.quote(notebook.as_posix())}" if notebook else ""
        return f"http://{ADDRESS}:{self.port}/lab{tree}?token={self.token}"


def choose_port(wanted: int | None, first: int | None = None) -> int:
    """`wanted` if it is free, or the first free one from `first` (8888); raises HandsonError where it is taken."""
    first = first or DEFAULT_PORT
    if wanted is not None:
        if not 1 <= wanted <= 65535:
            raise HandsonError(f"{wanted} is no port.", "A port is a number from 1024 to 65535, e.g. --port 8889.")
        if not _is_free(wanted):
            raise HandsonError(
                f"Port {wanted} is taken by another program.",
                "Leave --port out, and a free one is found; or name another.",
            )
        return wanted
    for port in range(first, first + _PORTS_TRIED):
        if _is_free(port):
            return port
    raise HandsonError(
        f"No port from {first} to {first + _PORTS_TRIED - 1} is free.",
        "Close other servers, or name a free one with --port.",
    )


def running_server(workspace: Path) -> LabServer | None:
    """The server that an earlier `handson open` started in `workspace`, if it still answers."""
    for file in sorted(_jupyter_folder(workspace).glob("runtime/jpserver-*.json")):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            server = LabServer(int(content["port"]), str(content["token"]))
        except (OSError, ValueError, KeyError):
            continue  # half-written, or not ours
        if _answers(server):
            return server
    return None


def _answers(server: LabServer) -> bool:
    """Whether the server is there and takes the token; what a server that was ended left behind does not."""
    request = urllib.request.Request(
        f"http://{ADDRESS}:{server.port}/api/status", headers={"Authorization": f"token {server.token}"}
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=2):
            return True
    except (OSError, http.client.HTTPException):
        return False


def start_server(workspace: Path, port: int, notebook: Path | None) -> tuple[LabServer, subprocess.Popen[bytes]]:
    """Start JupyterLab in `workspace`; what it says goes to a log (see `wait_until_ready`)."""
    server, library = LabServer(port, secrets.token_urlsafe(24)), backend()
    folder = _jupyter_folder(workspace)
    settings = folder / "config" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps(LAB_SETTINGS, indent=1), encoding="utf-8")
    tree = f"/tree/{urllib.parse.quote(notebook.as_posix())}" if notebook else ""
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={workspace}",
        f"--ServerApp.ip={ADDRESS}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.default_url=/lab{tree}",
        "--ServerApp.open_browser=False",
        "--ServerApp.answer_yes=True",  # Ctrl-C ends it without a question
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--ServerApp.allow_root=True")  # root in a container is that container's choice
    variables = {
        **os.environ,
        **PASSIVE_THREADS,
        VARIABLE: library,
        "JUPYTER_TOKEN": server.token,  # not on the command line, where others can read it
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    _at_kernel_start(folder / "ipython", startup(library))
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(command, env=variables, cwd=workspace, stdout=log, stderr=subprocess.STDOUT)
    return server, process


def _at_kernel_start(ipython: Path, code: str) -> None:
    """Have every kernel of this workspace run `code` before its first cell (a start-up file of IPython's profile)."""
    file = ipython / "profile_default" / "startup" / "00-handson.py"
    if code:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code, encoding="utf-8")
    else:
        file.unlink(missing_ok=True)


def wait_until_ready(
    server: LabServer, process: subprocess.Popen[bytes], workspace: Path, seconds: float = 120
) -> None:
    """Return once the server answers; raises HandsonError with the last lines of its log where it ends or hangs."""
    deadline = time.monotonic() + seconds
    while not _answers(server):
        if process.poll() is not None:
            what = f"JupyterLab ended before it answered (exit status {process.returncode})."
        elif time.monotonic() > deadline:
            process.terminate()
            what = f"JupyterLab did not answer on port {server.port} within {seconds:.0f} s."
        else:
            time.sleep(0.1)
            continue
        log = _jupyter_folder(workspace) / LOG
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        raise HandsonError("\n".join([what, *last]), f"All it said is in {log}. `start.py --repair` sets it up anew.")


def show(server: LabServer, notebook: Path | None) -> bool:
    """Open the notebook in the browser; False where no browser could be opened."""
    return webbrowser.open(server.url(notebook))


def _jupyter_folder(workspace: Path) -> Path:
    return workspace / ".handson" / "jupyter"


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as attempt:
        if os.name == "posix":  # on Windows this option would let two servers share the port
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((ADDRESS, port))
        except OSError:
            return False
    return True
