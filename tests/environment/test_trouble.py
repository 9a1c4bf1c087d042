"""What pip and uv say when they fail, recorded, and the words for people."""

from __future__ import annotations

import pytest

from handson.environment.trouble import StepFailedError, diagnosis, last_lines

# As pip 23.2 and uv 0.13 word it; disk, network and missing were seen, the others follow their sources.
SAID = {
    "disk": [
        "error: Failed to install: torch-2.13.0+cpu\n  cause: No space left on device (os error 28)",
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        "error: There is not enough space on the disk. (os error 112)",
    ],
    "network": [
        "error: Request failed after 3 retries\n  cause: Failed to fetch: https://index/rich/\n  cause: dns error",
        "NewConnectionError: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution\n"
        "ERROR: No matching distribution found for uv==0.13.9",
    ],
    "tls": [
        "error: Failed to fetch: `https://pypi.org/simple/rich/`\n  cause: invalid peer certificate: UnknownIssuer",
        "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
    ],
    "proxy": [
        "ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy Authentication Required'))"
    ],
    "portal": ['error: Failed to parse `https://pypi.org/simple/rich/`\n  cause: Unsupported Content-Type "text/html"'],
    "hash": [
        "error: Failed to download `rich==15.0.0`\n  cause: Hash mismatch for `rich==15.0.0`",
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
    ],
    "missing": [
        "error: No solution found when resolving dependencies\n  cause: Because there is no version of torch==2.13",
        "ERROR: No matching distribution found for torch==2.13.0+cpu",
    ],
    "readonly": ["error: failed to create directory `/x/.venv`: Read-only file system (os error 30)"],
}


@pytest.mark.parametrize(("kind", "output"), [(kind, output) for kind, outputs in SAID.items() for output in outputs])
def test_the_usual_causes_are_recognized(kind: str, output: str) -> None:
    found, words, way_out = diagnosis(output)
    assert found == kind
    assert words
    assert way_out


def test_an_unknown_failure_shows_its_last_lines_and_what_to_try() -> None:
    error = StepFailedError("Installing PyTorch", "one\n" * 50 + "the very last")
    assert "Installing PyTorch failed." in error.cause
    assert "the very last" in error.cause
    assert error.cause.count("one") < 10
    assert "--repair" in error.way_out


def test_passwords_in_addresses_are_not_shown() -> None:
    assert last_lines("error: https://anna:geheim@index.example/simple failed") == [
        "error: https://***@index.example/simple failed"
    ]


def test_repeated_retries_do_not_hide_what_was_said() -> None:
    retry = "WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by 'NewConnectionError'"
    assert last_lines(f"first\n{retry}\n{retry}\nlast") == ["first", "last"]
