"""The room's folder: what must be there again after a crash, who may read it, and its removal.

hub/      the hub's own (mode 0700): its database, the room's database, secrets.json
proxy/    sockets of the proxy and of the lesson page's files (mode 0710, their group)
doors/hub the hub's socket: seats have this folder mounted
shown/    what seats may read: JupyterLab's settings, the companion's registration
logs/     what each part said
tls/      the certificate that the proxy shows, and its key
ca/       a CA of the room's own, where one was made
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from filelock import FileLock, Timeout

from handson.errors import HandsonError
from handson.room.hub.codes import new_class_code, new_phrase
from handson.room.hub.settings import Identity
from handson.room.seat import cgroups, linux
from handson.room.seat.layout import Layout
from handson.room.seat.limits import Limits
from handson.room.seat.seats import Seats

SOCKET_PATH_LIMIT = 107
"""Bytes of a UNIX socket's path (sun_path of unix(7), less the end)."""


@dataclass(frozen=True)
class Secrets:
    """What only the room knows; made once, at its first start."""

    cookie: str
    """Signs log-ins; 32 bytes as hex, as JupyterHub wants it."""
    proxy: str
    """What the hub shows to the proxy's API."""
    supervisor: str
    """The supervisor's token for the hub's API; it may ask for the proxy's routes to be set anew, nothing else."""
    seats: str
    """The key that come-back codes are derived with."""
    class_code: str
    board: str
    """The presenter's phrase."""


@dataclass(frozen=True)
class Places:
    """The files and folders of a room's state."""

    folder: Path

    @property
    def hub(self) -> Path:
        """The hub's own folder."""
        return self.folder / "hub"

    @property
    def run(self) -> Path:
        """Where the proxy's sockets are."""
        return self.folder / "proxy"

    @property
    def door(self) -> Path:
        """Where the hub answers; seats have this folder mounted."""
        return self.folder / "doors" / "hub"

    @property
    def jupyter(self) -> Path:
        """What a seat's server finds by JUPYTER_CONFIG_PATH; seats may read it."""
        return self.folder / "shown" / "jupyter"

    @property
    def logs(self) -> Path:
        """What each part said."""
        return self.folder / "logs"

    @property
    def tls(self) -> Path:
        """What the proxy shows."""
        return self.folder / "tls"

    @property
    def ca(self) -> Path:
        """A CA of the room's own."""
        return self.folder / "ca"

    @property
    def settings(self) -> Path:
        """The settings that the hub's process reads."""
        return self.hub / "settings.json"

    @property
    def secrets(self) -> Path:
        """See `Secrets`."""
        return self.hub / "secrets.json"

    @property
    def hub_database(self) -> Path:
        """JupyterHub's own."""
        return self.hub / "jupyterhub.sqlite"

    @property
    def room_database(self) -> Path:
        """Who joined, and what happened."""
        return self.hub / "room.sqlite"

    @property
    def hub_socket(self) -> Path:
        """Where the hub answers: to the proxy, and to seats that it is mounted into."""
        return self.door / "hub.sock"

    @property
    def proxy_socket(self) -> Path:
        """Where the proxy's API answers, to the hub."""
        return self.run / "api.sock"

    @property
    def files_socket(self) -> Path:
        """Where the lesson page's files are served, to the proxy."""
        return self.run / "files.sock"

    @property
    def board_certificate(self) -> Path:
        """The room's certificate once more, for the board."""
        return self.hub / "board.pem"

    @property
    def board_key(self) -> Path:
        """Its key."""
        return self.hub / "board-key.pem"

    @property
    def lock(self) -> Path:
        """Held while the room runs."""
        return self.folder / "lock"


def make_places(
    folder: Path, hub: Identity | None = None, proxy: Identity | None = None, group: int | None = None
) -> Places:
    """Make the folder of a room, closed to all others; raises HandsonError where it cannot be."""
    places = Places(folder)
    for socket in (places.hub_socket, places.proxy_socket):
        if len(os.fsencode(socket)) > SOCKET_PATH_LIMIT:
            raise HandsonError(
                f"{folder} is too long a name for a room: a socket's path has at most {SOCKET_PATH_LIMIT} bytes.",
                "Name a shorter one with --state FOLDER.",
            )
    own = os.geteuid()
    try:
        for path, identity, mode in (
            (folder, None, 0o711 if hub else 0o700),
            (places.hub, hub, 0o700),
            (places.door.parent, None, 0o711),
            (places.door, hub, 0o755),
            (places.jupyter.parent, None, 0o755),
            (places.run, proxy, 0o710),
            (places.logs, None, 0o700),
            (places.tls, proxy, 0o700),
            (places.ca, None, 0o700),
        ):
            path.mkdir(parents=True, exist_ok=True)
            if path.stat().st_uid == own or own == 0:
                path.chmod(mode)
            if identity:
                os.chown(path, identity.uid, group if group is not None else identity.gid)
    except OSError as error:
        raise HandsonError(
            f"The room's folder {folder} cannot be made: {error.strerror or error}.",
            "Name another with --state FOLDER.",
        ) from None
    return places


def room_secrets(places: Places) -> Secrets:
    """The room's secrets, made where there are none yet; raises HandsonError where the file is not whole."""
    wanted = {field.name for field in fields(Secrets)}
    try:
        content = json.loads(places.secrets.read_text(encoding="ascii"))
        if set(content) != wanted:
            raise ValueError
        return Secrets(**content)
    except FileNotFoundError:
        made = Secrets(
            cookie=secrets.token_hex(32),
            proxy=secrets.token_hex(32),
            supervisor=secrets.token_hex(32),
            seats=secrets.token_hex(32),
            class_code=new_class_code(),
            board=new_phrase(),
        )
        write_private(places.secrets, json.dumps(asdict(made), indent=1))
        return made
    except (OSError, ValueError, AttributeError) as error:
        raise HandsonError(
            f"The room's secrets in {places.secrets} are not whole ({error or 'other keys'}).",
            "Restore that file, or begin anew with `handson room --forget`: all seats then join again.",
        ) from None


def with_new_class_code(places: Places, known: Secrets) -> Secrets:
    """The same with another class code, kept; come-back codes and log-ins stay as they are."""
    made = replace(known, class_code=new_class_code())
    write_private(places.secrets, json.dumps(asdict(made), indent=1))
    return made


def write_private(path: Path, text: str) -> None:
    """Write a file for the owner of its folder only (mode 0600); a crash leaves the old one or the new one, whole."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        if os.geteuid() == 0:  # by the open file: what has its name may be a link by now, to anything
            owner = path.parent.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)  # noqa: PTH105


@contextlib.contextmanager
def held(places: Places) -> Iterator[None]:
    """This room for us alone; raises HandsonError where it runs."""
    lock = FileLock(places.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise HandsonError(
            f"The room of {places.folder} is running already.",
            "End it there with Ctrl-C, or name another --state FOLDER.",
        ) from None
    except OSError as error:
        raise HandsonError(
            f"The room's folder {places.folder} cannot be written to: {error.strerror or error}.",
            "Run this as the user who started the room (with sudo, where that was with sudo).",
        ) from None
    with lock:
        yield


def forget(places: Places) -> bool:
    """Remove everything that the room knows; whether there was anything.

    Raises HandsonError where the room runs, something of it stays, or that is the folder of something else.
    """
    if not places.folder.exists():
        return False
    own = (places.hub, places.door.parent, places.jupyter.parent, places.folder / "seats", places.lock)
    if any(places.folder.iterdir()) and not any(path.exists() for path in own):
        raise HandsonError(
            f"{places.folder} is no room's folder: nothing was removed.", "Name the room's with --state FOLDER."
        )
    with held(places):
        if os.geteuid() == 0 and (places.folder / "seats").is_dir():  # those with fences outlive a killed room
            groups = cgroups.find(places.folder)
            Seats(Layout(places.folder), groups, Limits(), (), images=True).end_all()
        try:
            if linux.is_mounted(places.folder):  # likewise
                linux.stop_sharing(places.folder)
            shutil.rmtree(places.folder)
        except OSError as error:
            raise HandsonError(
                f"{places.folder} could not be removed as a whole: {error}.",
                "Look at what holds it, and try again.",
            ) from None
    return True
