"""Run a template: `python -m handson.room.forge kernels SOCKET`, with `/` as its working directory.

Not with -P: that flag would hold in every child, and keep IPython from finding a learner's own modules."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
import time
from pathlib import Path

from handson.room.forge.kernels import Kernels
from handson.room.forge.protocol import listen
from handson.room.forge.template import Kind, Template, unconfined
from handson.room.seat.linux import die_with_parent, set_name


def main() -> int:
    """Import, listen, fork; in each child, what it was forked for."""
    parser = argparse.ArgumentParser(prog="python -m handson.room.forge", description=__doc__)
    parser.add_argument("kind", choices=["kernels"])
    parser.add_argument("socket", type=Path)
    wanted = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s", level=logging.INFO)
    die_with_parent(signal.SIGTERM)
    os.chdir("/")
    sys.path[:] = [entry for entry in sys.path if entry not in ("", "/")]  # what `-m` puts there
    gc.disable()
    began = time.monotonic()
    kind: Kind = Kernels()
    kind.preload()
    listener = listen(wanted.socket)
    set_name(f"handson-{wanted.kind}")
    logging.getLogger("handson.forge").info("%s: ready after %.1f s", wanted.kind, time.monotonic() - began)
    template = Template(kind, listener, unconfined)
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
