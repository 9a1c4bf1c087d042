"""pip's settings, read from `pip config list` and handed on to uv, which does not read them itself."""

from __future__ import annotations

import ast
from dataclasses import dataclass

# What would change the meaning of our own commands if it leaked in from the user's environment.
KEPT_UV_VARIABLES = {"UV_HTTP_TIMEOUT", "UV_CONCURRENT_DOWNLOADS", "UV_CONCURRENT_INSTALLS", "UV_NO_HARDLINK"}


@dataclass(frozen=True)
class PipSettings:
    """The settings of pip that say where packages come from."""

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    trusted_hosts: tuple[str, ...] = ()
    cert: str | None = None
    client_cert: str | None = None
    proxy: str | None = None
    timeout: str | None = None
    retries: str | None = None
    keyring: str | None = None


def parse_pip_config(listing: str) -> dict[str, str]:
    """The effective settings in the output of `pip config list`: name without section -> value.

    pip lets the environment win over the section [install], and that over [global]; each replaces, none adds up.
    """
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listing.splitlines():
        key, equals, value = line.partition("=")
        section, _, name = key.strip().partition(".")
        if equals and section in sections and name:
            sections[section][name.replace("_", "-")] = _unquoted(value.strip())
    return {**sections["global"], **sections["install"], **sections[":env:"]}


def _unquoted(value: str) -> str:
    """The text of a Python literal; pip prints values with repr()."""
    try:
        return str(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        return value


def pip_settings(listing: str) -> PipSettings:
    """The settings that matter here, from the output of `pip config list`."""
    values = parse_pip_config(listing)

    def words(name: str) -> tuple[str, ...]:
        return tuple(values.get(name, "").split())

    return PipSettings(
        index_url=values.get("index-url") or None,
        extra_index_urls=words("extra-index-url"),
        find_links=words("find-links"),
        no_index=values.get("no-index", "").lower() in ("1", "true", "yes", "on"),
        trusted_hosts=words("trusted-host"),
        cert=values.get("cert") or None,
        client_cert=values.get("client-cert") or None,
        proxy=values.get("proxy") or None,
        timeout=values.get("timeout") or values.get("default-timeout") or None,
        retries=values.get("retries") or None,
        keyring=values.get("keyring-provider") or None,
    )


def uv_options(settings: PipSettings) -> list[str]:
    """The same wishes as options of `uv pip install`; addresses, which may hold passwords, go by `uv_environment`."""
    # pip looks at all indexes and takes the best version; uv by default stops at the first that has the package.
    options = ["--index-strategy", "unsafe-best-match"]
    if settings.no_index:
        options.append("--no-index")
    for place in settings.find_links:
        options += ["--find-links", place]
    for host in settings.trusted_hosts:
        options += ["--allow-insecure-host", host]
    if settings.keyring in ("subprocess", "import"):
        options += ["--keyring-provider", "subprocess"]
    return options


def uv_environment(settings: PipSettings, base: dict[str, str]) -> dict[str, str]:
    """The environment variables for uv: `base` without what would mislead it, and pip's settings."""
    misleading = {"VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH"}
    result = {
        key: value
        for key, value in base.items()
        if key not in misleading and (not key.startswith("UV_") or key in KEPT_UV_VARIABLES)
    }
    if not settings.no_index:
        if settings.index_url:
            result["UV_DEFAULT_INDEX"] = settings.index_url
        if settings.extra_index_urls:
            result["UV_INDEX"] = " ".join(settings.extra_index_urls)
    if settings.cert:
        result["SSL_CERT_FILE"] = settings.cert
    elif "SSL_CERT_FILE" not in base and "SSL_CERT_DIR" not in base:
        # pip trusts what the system trusts (a company's own authority among it); uv brings a list of its own.
        result["UV_SYSTEM_CERTS"] = "1"
    if settings.client_cert:
        result["SSL_CLIENT_CERT"] = settings.client_cert
    if settings.proxy:
        proxy = settings.proxy if "://" in settings.proxy else f"http://{settings.proxy}"
        result.update(dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), proxy))
    if settings.timeout:
        result["UV_HTTP_TIMEOUT"] = str(int(float(settings.timeout)))
    if settings.retries:
        result["UV_HTTP_RETRIES"] = settings.retries
    return result
