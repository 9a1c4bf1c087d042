"""What must not be shared by processes forked from one template, made anew in each child.

Python itself renews: locks of `threading` and `logging`, `random`'s generator, `tempfile`'s names. OpenSSL and
`os.urandom` ask the kernel. What is left is here, one function for each, named for what it renews. The seed of `hash()`
of text cannot be changed in a running Python: it is random for each template, and one for all that are forked from it.
"""

from __future__ import annotations

import functools
import gc
import logging
import os
import random
import signal
import sys
from typing import Any


def renew() -> None:
    """Everything, in a child whose place has been entered."""
    signals()
    loggers()
    randomness()
    identities()
    cached_places()
    event_loops()
    garbage_collection()


def signals() -> None:
    """Handlers and mask as in a program that was just started by a shell."""
    for number in signal.valid_signals():
        if number in (signal.SIGKILL, signal.SIGSTOP):
            continue
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            continue  # kept by the C library
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python does at its start
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


_used: list[logging.Logger] = []


def remember_loggers() -> None:
    """In the template, before it forks: which loggers it uses, so that no child has to look at a thousand others."""
    known = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    loggers = [logger for logger in known if isinstance(logger, logging.Logger)]
    _used[:] = [logger for logger in loggers if logger.handlers or logger.name.partition(".")[0] == "handson"]


def loggers() -> None:
    """No handler of the template's: what a learner logs goes where a new program's would."""
    logging.getLogger().level = logging.WARNING  # setLevel would write to every logger there is
    logging.getLogger("handson").level = logging.NOTSET
    for logger in _used:
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
        logger._cache.clear()  # type: ignore[attr-defined]  # what it knew of the levels before


def randomness() -> None:
    """Python's, NumPy's and PyTorch's global generators, from the kernel's randomness."""
    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.default_generator.seed()  # the others are seeded when their device is first used


def identities() -> None:
    """What processes prove or count themselves by: multiprocessing's key, uuid's node and last time."""
    multiprocessing: Any = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None:
        multiprocessing.current_process().authkey = os.urandom(32)
        multiprocessing.current_process()._children = set()
    uuid: Any = sys.modules.get("uuid")
    if uuid is not None:
        uuid._node = uuid._last_timestamp = None
    zmq: Any = sys.modules.get("zmq")
    if zmq is not None:
        zmq.Context._instance = None
        zmq.Context._shadow = False


def cached_places() -> None:
    """Folders that libraries remember, which were the template's."""
    tempfile: Any = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile.tempdir = None
    matplotlib: Any = sys.modules.get("matplotlib")
    if matplotlib is not None:
        for name in ("get_configdir", "get_cachedir"):
            remembered = getattr(matplotlib, name)
            setattr(matplotlib, name, functools.cache(remembered.__wrapped__))


def event_loops() -> None:
    """No loop of the template's is current."""
    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is not None:
        asyncio.events._set_running_loop(None)
        policy = asyncio.events._event_loop_policy
        if policy is not None:
            asyncio.set_event_loop_policy(None)


def garbage_collection() -> None:
    """On again: a template runs without."""
    gc.enable()
