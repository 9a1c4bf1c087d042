"""What an organiser may set of a room; plain data, validated here and handed to the hub's process as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from handson.errors import HandsonError

Port = Annotated[int, Field(ge=1, le=65535)]


class Tls(BaseModel):
    """The certificate that the room shows, and its key; PEM files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Path
    key: Path
    is_local_ca: bool = False
    """Whether it was signed by a CA that the room made for itself, which no browser knows."""


class Identity(BaseModel):
    """A UNIX user that one part of the room runs as, by numbers only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    uid: Annotated[int, Field(ge=1)]
    gid: Annotated[int, Field(ge=1)]


class RoomSettings(BaseModel):
    """One room. Addresses are those that attendees type: `host` is an IP address of this machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workshop: Path
    """The folder that holds the workshop.toml."""
    agenda: int | None = None
    """Minutes of the agenda to be held; None: the shortest."""
    state: Path
    front_end: Path
    """The folder `room` of the built front end: scripts of the pages, JupyterLab's extension, the proxy."""
    site: Path | None = None
    """The lesson page as `handson kit site` built it, if there is one: the second door."""
    host: str = "127.0.0.1"
    listen: str = ""
    """The address to listen on; empty: `host` only. 0.0.0.0 is every network of this machine."""
    port: Port = 8000
    mdns: str = ""
    """`NAME.local`, announced on the network; empty: not."""
    board_host: str = "127.0.0.1"
    board_port: Port = 8001
    seats: Annotated[int, Field(ge=0, le=999)] = 30
    attendees: Annotated[int, Field(ge=1, le=999)] = 200
    """Both doors together."""
    starts_at_once: Annotated[int, Field(ge=1, le=64)] = 4
    """Seats that start at the same time; the others wait in the queue, in order."""
    kept_kernels: Annotated[int, Field(ge=1, le=99)] | None = None
    """Lessons' kernels that a seat keeps; those beyond are ended once they rest. None: all."""
    tls: Tls | None = None
    hub_identity: Identity | None = None
    """None: the user who runs the room."""
    proxy_identity: Identity | None = None
    group: Annotated[int, Field(ge=1)] | None = None
    """The group of hub and proxy, by which both reach the sockets between them."""
    node: str = "node"
    spawner_class: str = "handson.room.plain.PlainSpawner"
    spawner: dict[str, Any] = Field(default_factory=dict)
    """Settings of that class, by their names there."""
    lesson_path: str = "/lab/tree/{notebook}"
    """Where a seat's server shows a notebook, below its own address."""
    log_level: Literal["DEBUG", "INFO", "WARNING"] = "INFO"

    @property
    def scheme(self) -> str:
        """What the addresses begin with."""
        return "https" if self.tls else "http"

    @property
    def board_scheme(self) -> str:
        """The board needs no encryption where only this machine reaches it."""
        return "https" if self.tls and self.board_host not in ("127.0.0.1", "::1") else "http"

    @property
    def board_address(self) -> str:
        """What the presenter opens."""
        return address_of(self.board_scheme, self.board_host, self.board_port)

    @property
    def address(self) -> str:
        """What an attendee types: scheme, IP address, and the port where it is not the usual one."""
        return address_of(self.scheme, self.host, self.port)


def address_of(scheme: str, host: str, port: int) -> str:
    """An address for people: without the port where browsers know it."""
    usual = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{in_url(host)}{'' if port == usual else f':{port}'}/"


def in_url(host: str) -> str:
    """A host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def read_settings(file: Path) -> RoomSettings:
    """The settings that the supervisor wrote for the hub; raises HandsonError where they are not whole."""
    try:
        return RoomSettings.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise HandsonError(
            f"The settings of this room cannot be read from {file}: {error}", "Start it again with `handson room`."
        ) from None
