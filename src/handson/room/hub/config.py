"""Settings of a room → the configuration of its JupyterHub, and the commands of its parts; no side effects."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from handson.room.hub.files import ROUTE as FILES
from handson.room.hub.settings import RoomSettings, in_url
from handson.room.hub.state import Places, Secrets
from handson.room.kept import KEPT

TEMPLATES = Path(__file__).parent / "templates"

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the room's own pages: scripts and styles from files of ours only, no frames."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HUB_HEADERS = {**HEADERS, "Cross-Origin-Opener-Policy": "noopener-allow-popups"}
"""The hub shares its origin with seats: what these open gets no hold of its pages, where a browser knows that value and
the connection is secure (browsers hear such headers on nothing else).
"""
LESSON_POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Of the lesson page, where a learner's own program runs in their own browser: nothing from elsewhere, no frames."""

ROOM = "JUPYTERHUB_ROOM"
"""Tells a seat that its hub is a room's (see `companion`, `lab.room`)."""
SUPERVISOR = "supervisor"

PASSED_ON = (
    *("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "HANDSON_CACHE", "HANDSON_WORKSHOP"),
    *("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"),
)
"""Of the organiser's environment, what a part of the room sees."""


def unix_url(socket: Path) -> str:
    """`http+unix://…`, as JupyterHub and its proxy understand it."""
    return f"http+unix://{quote(str(socket), safe='')}"


def hub_config(settings: RoomSettings, secrets: Secrets, places: Places) -> dict[str, Any]:
    """JupyterHub's configuration, class by class, as plain data.

    An attendee may use their own server and nothing else: starting one is the queue's affair, so that a rush never
    meets a limit that answers with an error.
    """
    spawner_name = settings.spawner_class.rpartition(".")[2]
    hub = unix_url(places.hub_socket)
    return {
        "JupyterHub": {
            "bind_url": f"{settings.scheme}://{in_url(settings.host)}:{settings.port}",
            "hub_bind_url": hub,
            "hub_connect_url": hub,
            "hub_socket_mode": 0o666,  # who may reach it is decided by its folder, and by who has it mounted
            "db_url": f"sqlite:///{places.hub_database}",
            "cookie_secret": secrets.cookie,
            "cookie_max_age_days": 30,
            "authenticator_class": "handson.room.hub.authenticator.RoomAuthenticator",
            "spawner_class": settings.spawner_class,
            "proxy_class": "handson.room.hub.proxy.RoomProxy",
            "template_paths": [str(TEMPLATES)],
            "tornado_settings": {
                "headers": {**HUB_HEADERS, "Content-Security-Policy": PAGE_POLICY},
                "cookie_options": {"samesite": "Lax"},
                # no script of ours reads the hub's cookie, and one in a seat, which has the same origin, shall not
                "xsrf_cookie_kwargs": {"samesite": "Lax", "httponly": True, "secure": settings.tls is not None},
                "slow_spawn_timeout": 0,
            },
            "default_url": "/hub/me",
            "redirect_to_server": False,
            "allow_named_servers": False,
            "cleanup_servers": True,
            "cleanup_proxy": False,
            "concurrent_spawn_limit": 0,  # the queue makes people wait in place of turning them away
            "active_server_limit": 0,
            "last_activity_interval": 60,
            "init_spawners_timeout": 10,
            "log_level": settings.log_level,
            "load_roles": [
                {"name": "user", "scopes": ["access:servers!user", "read:users!user", "users:activity!user"]},
                {"name": SUPERVISOR, "scopes": ["proxy", "read:hub"], "services": [SUPERVISOR]},
            ],
            "services": [{"name": SUPERVISOR, "api_token": secrets.supervisor}],
        },
        "RoomAuthenticator": {"allow_all": True, "auto_login": True},
        "ConfigurableHTTPProxy": {
            "should_start": False,
            "api_url": unix_url(places.proxy_socket),
            "auth_token": secrets.proxy,
            "extra_routes": {FILES: unix_url(places.files_socket)} if settings.site else {},
        },
        "Spawner": {
            "disable_user_config": True,
            "start_timeout": 120,
            "http_timeout": 120,
            "poll_interval": 10,
            "consecutive_failure_limit": 0,
            "default_url": "/lab",
            "environment": seat_environment(settings, places),
        },
        **({spawner_name: settings.spawner} if settings.spawner else {}),
    }


def seat_environment(settings: RoomSettings, places: Places) -> dict[str, str]:
    """What a seat's server and its kernels find in their environment beside what JupyterHub tells them."""
    kept = {KEPT: str(settings.kept_kernels)} if settings.kept_kernels else {}
    return {ROOM: "1", **kept, "JUPYTER_CONFIG_PATH": str(places.jupyter), "JUPYTER_PREFER_ENV_PATH": "1"}


def server_config(settings: RoomSettings) -> dict[str, Any]:
    """What goes into a seat's `jupyter_server_config.json`: where JupyterLab finds the strip, how files are saved.

    What is deleted is gone: a trash that nobody sees would keep a full disk full.
    """
    return {
        "LabApp": {"extra_labextensions_path": [str(settings.front_end / "labextensions")]},
        "ServerApp": {
            "contents_manager_class": "handson.room.saving.Contents",
        },
        "FileContentsManager": {"delete_to_trash": False},
    }


def proxy_command(settings: RoomSettings, places: Places) -> list[str]:
    """The proxy: the one part that the network reaches. Its token comes by the environment (CONFIGPROXY_AUTH_TOKEN)."""
    command = [
        settings.node,
        str(settings.front_end / "proxy.mjs"),
        *("--ip", settings.listen or settings.host, "--port", str(settings.port)),
        *("--api-socket", str(places.proxy_socket)),
        *("--error-path", str(settings.front_end / "error")),
        *("--default-target", unix_url(places.hub_socket)),
        *("--log-level", "warn"),
    ]
    if settings.tls:
        command += ["--ssl-cert", str(settings.tls.certificate), "--ssl-key", str(settings.tls.key)]
    return command


def files_command(site: Path, places: Places) -> list[str]:
    """What serves the lesson page's files."""
    return [sys.executable, "-P", "-m", "handson.room.hub.files", str(site), str(places.files_socket)]


def hub_command(places: Places) -> list[str]:
    """The hub's process."""
    return [sys.executable, "-P", "-m", "handson.room.hub", str(places.settings)]


def part_environment(environment: dict[str, str], more: dict[str, str]) -> dict[str, str]:
    """What a part sees of the organiser's environment, and `more`."""
    return {name: environment[name] for name in PASSED_ON if name in environment} | more
