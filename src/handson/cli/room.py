"""`handson room`: this machine hosts the class."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from handson.cli.console import WorkshopFolder, bring_room, catalog_of, err, out, plain, with_sudo
from handson.errors import HandsonError, UnknownNameError

if TYPE_CHECKING:
    from handson.lessons.catalog import Catalog
    from handson.room.hub.settings import RoomSettings
    from handson.room.hub.state import Places, Secrets

_NEEDED = ("jupyterhub", "segno", "zeroconf", "psutil")


def host_class(
    agenda: Annotated[int | None, typer.Option(help="Minutes of the agenda to hold (default: the shortest).")] = None,
    seats: Annotated[int, typer.Option(min=0, max=999, help="How many may learn on this machine.")] = 30,
    address: Annotated[
        str | None, typer.Option(help="The IP address of this machine that attendees type (default: found).")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port for attendees.")] = 8000,
    board_address: Annotated[
        str, typer.Option(help="Where the board answers: only this machine, unless you say another address of it.")
    ] = "127.0.0.1",
    board_port: Annotated[int, typer.Option(min=1, max=65535, help="The port of the board.")] = 8001,
    mdns: Annotated[
        str, typer.Option(help="A name on the network beside the address, NAME.local; '' for none.")
    ] = "handson",
    tls: Annotated[
        str | None,
        typer.Option(metavar="CERT.pem,KEY.pem|local", help="Encrypt, with your certificate or a CA made here."),
    ] = None,
    site: Annotated[
        Path | None, typer.Option(help="The folder of a built lesson page, for the other door (default: it is built).")
    ] = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Offer the lesson page as the other door.")] = True,
    state: Annotated[Path | None, typer.Option(help="The folder of the room's state.")] = None,
    trust_everyone: Annotated[
        bool, typer.Option("--trust-everyone", help="Run without root: seats are not fenced off from each other.")
    ] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Remove everything that the room knows, and end.")] = False,
    workshop: WorkshopFolder = None,
) -> None:
    """Host the class on this machine: attendees join with a browser, you see the board. Ctrl-C ends it; files stay."""
    from handson.environment.trouble import refuse_other_systems

    refuse_other_systems()
    folder = (state or default_state()).expanduser().resolve()
    if forget:
        _forget(folder)
        return
    _refuse_without_extra()
    from handson.memory import available
    from handson.nodejs import node
    from handson.room.fenced import as_its_user, fenced, with_keeper
    from handson.room.hub.launch import hold
    from handson.room.hub.network import checked_address, mdns_name, own_addresses
    from handson.room.hub.settings import RoomSettings
    from handson.room.kept import kernels_kept

    if not trust_everyone:
        refuse_without_fences("room")
    catalog = catalog_of(workshop)
    refuse_unknown_agenda(catalog, agenda)
    found = own_addresses()
    if address is None and not found:
        out.print("This machine is on no network: the room answers to itself only. Join one, or make a hotspot.")
    host = checked_address(address) if address else (found[0] if found else "127.0.0.1")
    settings = RoomSettings(
        workshop=catalog.workshop.root,
        agenda=agenda,
        state=folder,
        front_end=_front_end(),
        site=_site(catalog, site) if page else None,
        host=host,
        listen=host if address else "0.0.0.0",
        port=port,
        mdns=mdns_name(mdns) if mdns and host != "127.0.0.1" else "",
        board_host=checked_address(board_address),
        board_port=board_port,
        seats=seats,
        kept_kernels=kernels_kept(seats, available()),
        node=node(),
    )
    settings = _trusting(settings) if trust_everyone else fenced(settings)
    settings = _with_tls(settings, tls)

    def say(text: str) -> None:
        err.print(f"· {plain(text)}", soft_wrap=True)

    def ready(*made: Any) -> None:
        _tell(settings, *made)

    if trust_everyone:
        hold(settings, say, ready)
    else:
        hold(
            settings, say, ready, lambda: with_keeper(settings, say, _shown()), lambda part: as_its_user(part, settings)
        )


def _shown() -> list[Path]:
    """What seats read beside their environment: fetched assets, and what is taken home to run the work."""
    from handson.lab.places import cache_dir
    from handson.room.takehome import of_workshop

    return [cache_dir(), *of_workshop()]


def default_state() -> Path:
    """The folder of this machine's room."""
    if os.geteuid() == 0:
        return Path("/var/lib/handson/room")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "handson" / "room"


def _forget(folder: Path) -> None:
    from handson.room.hub.state import Places, forget

    gone = forget(Places(folder))
    out.print(f"{plain(str(folder))}: {'removed' if gone else 'there was nothing'}.", soft_wrap=True)


def _refuse_without_extra() -> None:
    from importlib.util import find_spec

    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise HandsonError(
            f"A room needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed.",
            bring_room(),
        )


def refuse_unknown_agenda(catalog: Catalog, minutes: int | None) -> None:
    """Raise UnknownNameError where the workshop has no agenda of so many minutes."""
    if minutes is not None and minutes not in catalog.workshop.agendas:
        raise UnknownNameError("agenda", str(minutes), map(str, catalog.workshop.agendas))


def _front_end() -> Path:
    from handson.kit.frontend import front_end

    return front_end(lambda text: out.print(f"· {plain(text)}")) / "room"


def _site(catalog: Catalog, site: Path | None) -> Path:
    from handson.kit.site import build_site
    from handson.lab.places import cache_dir

    if site is not None:
        if not (site / "index.html").is_file():
            raise HandsonError(
                f"{site} is no lesson page: it has no index.html.", "Build one: `handson kit site --to FOLDER`."
            )
        return site.expanduser().resolve()
    with out.status("Preparing the lesson page"):
        return build_site(catalog, cache_dir() / "site" / catalog.workshop.name).folder


def refuse_without_fences(command: str) -> None:
    """Raise HandsonError, with the command line to type, where this is not root."""
    if os.geteuid() != 0:
        raise HandsonError(
            "Without root, seats are plain processes of one user: each attendee may read and end what every other has.",
            f"Run it as root: {with_sudo(command)}   (or add --trust-everyone, where that is how it shall be)",
        )


def _trusting(settings: RoomSettings) -> RoomSettings:
    """With seats that are plain processes of whoever runs the room."""
    arguments = ["--allow-root"] if os.geteuid() == 0 else []
    return settings.model_copy(
        update={
            "spawner": {
                "cmd": [sys.executable, "-m", "jupyterhub.singleuser"],
                "args": arguments,
                "home_dir_template": str(settings.state / "seats" / "{username}"),
            },
        }
    )


def _with_tls(settings: RoomSettings, asked: str | None) -> RoomSettings:
    from handson.room.hub import tls
    from handson.room.hub.state import make_places

    if asked is None:
        return settings
    places = make_places(settings.state, settings.hub_identity, settings.proxy_identity, settings.group)
    if asked == "local":
        made = tls.local(places.tls, places.ca, settings.host, settings.mdns)
    else:
        certificate, comma, key = asked.partition(",")
        if not comma:
            raise HandsonError(f"--tls {asked}: that is one file.", "Say --tls CERT.pem,KEY.pem, or --tls local.")
        made = tls.given(places.tls, Path(certificate), Path(key))
    return settings.model_copy(update={"tls": made})


def _tell(settings: RoomSettings, places: Places, secrets: Secrets) -> None:
    """What the presenter needs: how to join, the board and its phrase, what the network can see."""
    import segno

    from handson.room.hub.room import scanned_address
    from handson.room.hub.settings import address_of
    from handson.room.hub.store import joined
    from handson.room.hub.texts import text

    named = f" or {address_of(settings.scheme, settings.mdns, settings.port)}" if settings.mdns else ""
    out.print(
        f"\n[bold]{plain(settings.address)}[/]{plain(named)}   class code [bold]{secrets.class_code}[/]", soft_wrap=True
    )
    if sys.stdout.isatty():
        segno.make(scanned_address(settings, secrets)).terminal(compact=True)
    out.print(
        f"The board: {plain(settings.board_address)}   its phrase [bold]{secrets.board}[/] (for you alone)",
        soft_wrap=True,
    )
    means = "tls_none" if settings.tls is None else "tls_local" if settings.tls.is_local_ca else "tls_given"
    out.print(text(means), soft_wrap=True)
    if settings.tls and settings.tls.is_local_ca:
        out.print(f"The CA for devices: {plain(str(places.ca / 'ca.pem'))}", soft_wrap=True)
    if settings.kept_kernels:
        out.print(text("kernels_kept", count=settings.kept_kernels), soft_wrap=True)
    if before := joined(places.room_database):
        out.print(f"Here from before: {before}, with their seats, files and log-ins.", soft_wrap=True)
    out.print("To end the room: Ctrl-C. Seats and their files are there again the next time.", soft_wrap=True)
