"""Seats' servers (JupyterLab behind JupyterHub's log-in), forked from a process that has them imported.

A server that is forked ahead stands ready in its seat up to the last step: only what the hub makes anew at each start
is missing, above all the token.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
from contextlib import suppress
from typing import Any

from handson.lessons.threads import thread_limits
from handson.room.forge import provisioner
from handson.room.forge.kinds import standard_streams
from handson.room.forge.protocol import Channel, Message
from handson.room.seat import layout
from handson.room.seat.place import environment

_NEEDED = (
    "jupyterhub.singleuser.extension",
    "jupyterlab.labapp",
    "jupyterlab.handlers.build_handler",
    "jupyterlab_server.handlers",
    "jupyter_server.services.contents.largefilemanager",
    "jupyter_server.services.kernels.connection.channels",
    "jupyter_server.gateway.managers",
    "jupyter_server_terminals",
    "handson.room.saving",
    "jupyter_client.ioloop",
    "tornado.platform.asyncio",
    "terminado",
    "nbconvert.exporters",
    "sqlite3",
    # What is imported only once a server starts:
    "IPython",
    "jinja2.ext",
    "jupyter_core.migrate",
)
_EXTENSIONS_ALSO = {
    "jupyter_lsp": ("handlers", "manager", "serverextension", "virtual_documents_shadow"),
    "jupytext": ("async_contentsmanager",),
    "notebook_shim": ("nbserver",),
}
LOG = layout.HOME / ".handson" / "server.log"


class Servers:
    """The kind of child that a server template forks."""

    name = "server"
    ends_with_asker = False

    def preload(self) -> None:
        """Import JupyterHub's single-user server, JupyterLab and what they import when they start."""
        os.environ.update(thread_limits(1))
        from jupyter_server.serverapp import JUPYTER_SERVICE_HANDLERS

        handlers = [name for names in JUPYTER_SERVICE_HANDLERS.values() for name in names or ()]
        for name in (*_NEEDED, *handlers):
            importlib.import_module(name)
        for package, modules in {**dict.fromkeys(_enabled_extensions(), ()), **_EXTENSIONS_ALSO}.items():
            if importlib.util.find_spec(package) is not None:
                importlib.import_module(package)
                for module in modules:
                    importlib.import_module(f"{package}.{module}")

    def prepare(self, place: str, settings: Message) -> None:
        """Build the server for the address it will have (`prefix`), up to the point where it would begin to listen."""
        standard_streams(_log_file(), [])
        number = int(place.removeprefix("seat "))
        os.environ.clear()
        os.environ.update(environment(number))
        os.environ.update(
            {
                **thread_limits(1),
                provisioner.SOCKET: str(layout.KERNELS_DOOR / layout.KERNELS_SOCKET),
                "JUPYTER_CONFIG_PATH": str(settings["config"]),
                "JUPYTER_PATH": str(settings["config"]),  # kernels that the organiser adds
                "JUPYTERHUB_DISABLE_USER_CONFIG": "1",
                "JUPYTERHUB_SERVICE_PREFIX": str(settings["prefix"]),
                "JUPYTERHUB_BASE_URL": str(settings["base_url"]),
                "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:8888/",  # JupyterHub wants one; the socket is what counts
            }
        )
        os.umask(0o027)
        provisioner.register()
        os.environ["COLUMNS"] = "80"  # else each option of the command line asks the terminal
        self.app = _build(str(settings["prefix"]))
        del os.environ["COLUMNS"]

    def run(self, order: Message, files: list[int], asker: Channel) -> int:  # noqa: ARG002 (no files come)
        """Take what the hub says of this start, listen, and serve to the end."""
        asker.close()
        os.environ.update({str(name): str(value) for name, value in order["env"].items()})
        (layout.OWN / layout.SERVER_SOCKET).unlink(missing_ok=True)
        _take_environment(self.app)
        signal.signal(signal.SIGTERM, self.app._signal_stop)
        with suppress(SystemExit):
            self.app.start()
        return 0


def _enabled_extensions() -> list[str]:
    """The server extensions that this environment switches on."""
    from jupyter_core.paths import ENV_CONFIG_PATH
    from jupyter_server.extension.config import ExtensionConfigManager

    manager: Any = ExtensionConfigManager(read_config_path=list(ENV_CONFIG_PATH))
    return [name for name, enabled in manager.get_jpserver_extensions().items() if enabled]


def _build(prefix: str) -> Any:
    """The server application, initialised."""
    from jupyterhub.singleuser.extension import JupyterHubSingleUser

    async def same_environment(_: Any) -> None:
        """The hub's version is this one: the room starts both from one environment."""

    JupyterHubSingleUser.check_hub_version = same_environment
    arguments = [
        f"--ServerApp.sock={layout.OWN / layout.SERVER_SOCKET}",
        "--ServerApp.sock_mode=0660",
        f"--ServerApp.root_dir={layout.HOME}",
        "--ServerApp.default_url=/lab",
        f"--HubOAuth.base_url={prefix}",  # its default was read when it was imported
        "--KernelManager.transport=ipc",
        "--LabApp.collaborative=False",
        "--LabApp.news_url=",
        f"--LabApp.user_settings_dir={layout.HOME}/.handson/lab/settings",  # their defaults were read at import, too
        f"--LabApp.workspaces_dir={layout.HOME}/.handson/lab/workspaces",
        "--LabApp.extension_manager=readonly",
        "--LanguageServerManager.autodetect=False",  # it would ask npm at each start
        "--FileContentsManager.always_delete_dir=True",
    ]
    return JupyterHubSingleUser.initialize_server(arguments)


def _take_environment(app: Any) -> None:
    """Have those who read the hub's variables at the start read them again."""
    extension = app.extension_manager.extension_points["jupyterhub-singleuser"].app
    for reader in (app.identity_provider.hub_auth, extension.hub_auth, extension):
        for name in reader.trait_names():
            if name in _FROM_THE_HUB:
                reader._trait_values.pop(name, None)
    app.web_app.settings["token"] = app.tornado_settings["token"] = app.identity_provider.token


# The traits of HubOAuth and JupyterHubSingleUser whose defaults are environment variables.
_FROM_THE_HUB = frozenset(
    {
        "access_scopes",
        "api_token",
        "api_url",
        "cookie_host_prefix_enabled",
        "cookie_options",
        "hub_activity_interval",
        "hub_activity_url",
        "hub_host",
        "hub_prefix",
        "login_url",
        "oauth_authorization_url",
        "oauth_client_id",
        "oauth_redirect_uri",
        "oauth_scopes",
        "oauth_token_url",
        "public_hub_url",
        "public_url",
        "server_name",
    }
)


def _log_file() -> int:
    """The seat's own log, on its own disk, begun anew at each start."""
    LOG.parent.mkdir(exist_ok=True)
    return os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW, 0o600)
