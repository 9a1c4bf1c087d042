"""Run a template: `python -m handson.room.forge kernels SOCKET [--room FILE]`, with `/` as its working directory.

Not with -P: that flag would hold in every child, and keep IPython from finding a learner's own modules.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from handson.errors import HandsonError
from handson.room.forge.kernels import Kernels
from handson.room.forge.kinds import Kind, Place, unconfined
from handson.room.forge.protocol import Message, Peer, listen
from handson.room.forge.servers import Servers
from handson.room.forge.template import Template
from handson.room.seat.layout import checked
from handson.room.seat.linux import die_with_parent, set_name
from handson.room.seat.settings import Settings


def seats_of_kernels(settings: Settings) -> Callable[[Peer, Message], Place]:
    """A kernel goes to the seat whose user asks, whatever the message says."""
    seats = settings.seats()
    return lambda peer, _: seats.place(settings.layout.number(peer.uid), "kernels")


def seats_of_servers(settings: Settings) -> Callable[[Peer, Message], Place]:
    """A server goes to the seat that the keeper names."""
    seats = settings.seats()

    def place(peer: Peer, message: Message) -> Place:
        if peer.uid != 0:
            raise HandsonError(f"User {peer.uid} may not start servers.", "The room's keeper does.")
        return seats.place(checked(message.get("seat")), "server")

    return place


def main() -> int:
    """Import, listen, fork; in each child, what it was forked for."""
    parser = argparse.ArgumentParser(prog="python -m handson.room.forge", description=__doc__)
    parser.add_argument("kind", choices=["kernels", "servers"])
    parser.add_argument("socket", type=Path)
    parser.add_argument("--room", type=Path, help="the room's settings; without, children stay where the template is")
    wanted = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("handson").setLevel(logging.INFO)
    die_with_parent(signal.SIGTERM)
    os.chdir("/")
    sys.path[:] = [entry for entry in sys.path if entry not in ("", "/")]  # what `-m` puts there
    gc.disable()
    began = time.monotonic()
    settings = Settings.read(wanted.room) if wanted.room else None
    kernels = wanted.kind == "kernels"
    kind: Kind = Kernels(settings.preload if settings else ()) if kernels else Servers()
    kind.preload()
    place_of: Callable[[Peer, Message], Place] = unconfined
    if settings is not None:
        place_of = seats_of_kernels(settings) if kernels else seats_of_servers(settings)
    listener = listen(wanted.socket, 0o666 if settings and kernels else 0o600)
    set_name(f"handson-{wanted.kind}")
    logging.getLogger("handson.forge").info("%s: ready after %.1f s", wanted.kind, time.monotonic() - began)
    template = Template(kind, listener, place_of)
    task = template.serve()
    if task is None:
        wanted.socket.unlink(missing_ok=True)
        return 0
    del template, listener, parser
    return task()


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.exit(status)
