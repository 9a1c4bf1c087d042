"""What a failed pip or uv means, in plain words."""

from __future__ import annotations

import re
import sys

from handson.errors import HandsonError

LAST_LINES, LINE_LENGTH = 6, 200
NOISE = re.compile(r"Retrying \(Retry|is ignored: it is neither a file nor a directory")


class SetupError(HandsonError):
    """The environment could not be made."""


def refuse_other_systems(what: str = "A room") -> None:
    """Raise HandsonError where this is not Linux: seats are forked and fenced in by its kernel."""
    if sys.platform != "linux":
        raise HandsonError(
            f"{what} runs on Linux only; this is {sys.platform}.",
            "Run it in a virtual machine or a container, or give the class the lesson page (`handson kit site`).",
        )


class StepFailedError(SetupError):
    """A program that the set-up ran has failed; `output` is all that it said, `kind` the usual cause if known."""

    def __init__(self, step: str, output: str) -> None:
        """`step` names what was tried, as the beginning of a sentence."""
        self.output = output
        self.kind, words, way_out = diagnosis(output)
        said = "\n".join(f"    {line}" for line in last_lines(output))
        super().__init__(f"{step} failed{': ' + words if words else '.'}\n{said}", way_out)


def without_passwords(text: str) -> str:
    """The text with user:password in addresses blotted out."""
    return re.sub(r"(\w+://)[^/@\s]+@", r"\1***@", text)


def last_lines(output: str) -> list[str]:
    """The last lines of a program's output that say something."""
    lines = without_passwords(output).replace("\r", "\n").splitlines()
    return [line.rstrip()[:LINE_LENGTH] for line in lines if line.strip() and not NOISE.search(line)][-LAST_LINES:]


AGAIN = "Then start again: it goes on from what is already downloaded."

# kind, pattern in the output, cause, way out. The first that fits is told: what is rarer and surer stands first.
USUAL_CAUSES = [
    (
        "disk",
        r"no space left on device|os error 28|errno 28|not enough space on the disk|os error 112|disk quota exceeded",
        "the disk is full.",
        f"Make room (handson needs about 1.5 GB), or choose a folder on another disk with --env. {AGAIN}",
    ),
    (
        "readonly",
        r"read-only file system|os error 30|errno 30",
        "the folder is read-only.",
        "Choose a folder that can be written to: start.py --env FOLDER",
    ),
    (
        "hash",
        r"hash mismatch|do not match the hashes|doesn't match|hashes are required",
        "a package is not the one that was locked (its SHA-256 differs).",
        "A proxy or mirror has changed it, or it was damaged on the way. Try another network, or pip's own index: "
        "pip config list shows which one is set.",
    ),
    (
        "tls",
        r"certificate|CERTIFICATE_VERIFY|UnknownIssuer|tls handshake|SSLError|ssl\.c:",
        "the index's certificate is not trusted.",
        "Open any web page in the browser first: a hotel's or campus' sign-in page may be in the way. Check the clock "
        "(start.py doctor). In a company, ask for its certificate and set it: pip config set global.cert FILE",
    ),
    (
        "proxy",
        r"proxy|407 ",
        "the proxy refused or could not be reached.",
        "Look at pip's setting (pip config get global.proxy) and the variables HTTPS_PROXY and HTTP_PROXY.",
    ),
    (
        "portal",
        r"expected value at line 1|text/html|content-type|invalid zip|not a zip file|EOCD|511 Network Authentication",
        "something else came in place of the package, most likely the sign-in page of this network.",
        f"Open any web page in the browser and sign in to the network. {AGAIN}",
    ),
    (
        "network",
        r"dns error|name resolution|failed to lookup|network is unreachable|connection refused|connection reset"
        r"|timed out|timeout|error sending request|failed to fetch|getaddrinfo|ConnectError|NewConnectionError"
        r"|max retries exceeded|no route to host|network connectivity is disabled|error trying to connect",
        "the package index cannot be reached.",
        f"Connect to a network; or put the packages into a folder wheels/ beside start.py, which needs none. {AGAIN}",
    ),
    (
        "missing",
        r"no matching distribution|no solution found|not found in the provided package locations|was not found in"
        r"|no wheels with a matching|has no usable wheels|could not find a version",
        "a package has no build for this Python and system where pip is told to look.",
        "Use Python 3.11 to 3.14 (64-bit). If pip is set to a mirror (pip config list), that mirror may lack it.",
    ),
]


def diagnosis(output: str) -> tuple[str, str, str]:
    """Kind, cause and way out for what a failed pip or uv has said; empty strings if it is none of the usual."""
    for kind, pattern, words, way_out in USUAL_CAUSES:
        if re.search(pattern, output, re.IGNORECASE):
            return kind, words, way_out
    return "", "", "Start again; if it fails in the same way, try start.py --repair, and report the lines above."
