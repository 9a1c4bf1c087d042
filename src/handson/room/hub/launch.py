"""From settings to a room that runs: its folder, its parts, what keeps them running."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from handson.lab.places import cache_dir
from handson.lessons.jupyterlab import LAB_SETTINGS
from handson.room.hub.codes import gate_key
from handson.room.hub.config import files_command, hub_command, part_environment, proxy_command, server_config
from handson.room.hub.settings import Identity, RoomSettings
from handson.room.hub.state import Places, Secrets, held, make_places, room_secrets, write_private
from handson.room.space import watch
from handson.room.supervisor import Part, Say, Supervisor, run_until_told

POST_PATIENCE = 10.0
"""Seconds that the hub has to answer: whoever asks does not keep an eye on the proxy meanwhile."""


def hold(
    settings: RoomSettings,
    say: Say,
    ready: Callable[[Places, Secrets], None],
    before: Callable[[], AbstractContextManager[Sequence[Part]]] = lambda: contextlib.nullcontext(()),
    started_as: Callable[[Part], Part] = lambda part: part,
) -> None:
    """Run the room until it is told to end. `ready` is called once attendees can join.

    before: the parts that start before hub and proxy and end after them (the keeper of seats), and what they need as
    long as the room runs.
    started_as: how a part of ours is started as the user that it names.
    Raises HandsonError where something does not come up, or the folder's room runs already.
    """
    places = make_places(settings.state, settings.hub_identity, settings.proxy_identity, settings.group)
    with held(places):
        secrets = room_secrets(places)
        write_private(places.settings, settings.model_dump_json(indent=1))
        if settings.tls:
            write_private(places.board_certificate, settings.tls.certificate.read_text(encoding="ascii"))
            write_private(places.board_key, settings.tls.key.read_text(encoding="ascii"))
        show_to_seats(settings, places)
        own = [started_as(part) for part in parts(settings, places, secrets, own_environment())]
        with before() as first:
            run_until_told(
                Supervisor([*first, *own], say), lambda: ready(places, secrets), lambda: watch(places.folder, say)
            )


def own_environment() -> dict[str, str]:
    """This process's environment, with the folder of fetched assets said whole: the room's parts have another home."""
    return {**os.environ, "HANDSON_CACHE": str(cache_dir())}


def show_to_seats(settings: RoomSettings, places: Places) -> None:
    """Put what a seat's Jupyter reads where seats see it: the companion's registration, JupyterLab's settings."""
    shutil.copytree(settings.front_end / "jupyter", places.jupyter, dirs_exist_ok=True)
    overrides = places.jupyter / "labconfig" / "default_setting_overrides.json"
    overrides.parent.mkdir(exist_ok=True)
    overrides.write_text(json.dumps(LAB_SETTINGS, indent=1), encoding="utf-8")
    content = json.dumps(server_config(settings), indent=1)
    (places.jupyter / "jupyter_server_config.json").write_text(content, encoding="utf-8")
    for path in (places.jupyter, *places.jupyter.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def parts(settings: RoomSettings, places: Places, secrets: Secrets, environment: dict[str, str]) -> list[Part]:
    """Files of the lesson page, proxy, hub. Each can be killed and comes back; seats belong to none."""

    async def set_routes_anew() -> None:
        """A proxy that came back knows only the hub; a hub that comes back tells it by itself."""
        with contextlib.suppress(OSError):
            await post(places.hub_socket, "/hub/api/proxy", secrets.supervisor)

    seen = part_environment(environment, {"HOME": str(places.hub)})
    proxy = Part(
        "proxy",
        proxy_command(settings, places),
        seen | {"CONFIGPROXY_AUTH_TOKEN": secrets.proxy, "SEAT_GATE_KEY": gate_key(secrets.seats)},
        places.logs / "proxy.log",
        sockets=[(_reachable(settings), settings.port), places.proxy_socket],
        **_as(settings.proxy_identity, settings.group, umask=0o007),
        came_back=set_routes_anew,
    )
    hub = Part(
        "hub",
        hub_command(places),
        seen,
        places.logs / "hub.log",
        sockets=[places.hub_socket],
        **_as(settings.hub_identity, settings.group, umask=0o077),
        grace=60.0,
    )
    if settings.site is None:
        return [proxy, hub]
    files = Part(
        "files",
        files_command(settings.site, places),
        seen,
        places.logs / "files.log",
        sockets=[places.files_socket],
        **_as(settings.proxy_identity, settings.group, umask=0o007),
    )
    return [files, proxy, hub]


async def post(place: Path, path: str, token: str) -> int:
    """POST to an HTTP API behind a UNIX socket; the status of its answer.

    Raises OSError where nobody answers: TimeoutError after POST_PATIENCE.
    """
    async with asyncio.timeout(POST_PATIENCE):
        reader, writer = await asyncio.open_unix_connection(str(place))
        try:
            lines = (f"POST {path} HTTP/1.1", "Host: hub", f"Authorization: token {token}", "Content-Length: 0")
            writer.write("\r\n".join((*lines, "Connection: close", "", "")).encode())
            await writer.drain()
            status = (await reader.readline()).split()
            await reader.read()
        finally:
            writer.close()
    return int(status[1]) if len(status) > 1 else 0


def _as(identity: Identity | None, group: int | None, umask: int) -> dict[str, Any]:
    """As whom a part runs; its main group is the one that hub and proxy share."""
    if identity is None:
        return {}
    return {"uid": identity.uid, "gid": group if group is not None else identity.gid, "umask": umask}


def _reachable(settings: RoomSettings) -> str:
    """An address at which this machine itself reaches the proxy."""
    return "127.0.0.1" if settings.listen in ("0.0.0.0", "::") else settings.listen or settings.host


def earlier_settings(state: Path) -> dict[str, object]:
    """What the room in `state` was started with the last time; empty where there was none."""
    try:
        content = json.loads(Places(state).settings.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
