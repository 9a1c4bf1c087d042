"""pip's settings, as `pip config list` prints them, become uv's."""

from __future__ import annotations

from handson.environment.settings import PipSettings, parse_pip_config, pip_settings, uv_environment, uv_options

LISTING = """\
:env:.extra-index-url='https://one.example/simple  https://user:secret@two.example/simple'
:env:.no-input='1'
global.cert='/etc/company.pem'
global.extra-index-url='https://forgotten.example/simple'
global.find-links='\\n/srv/wheels\\nhttps://wheels.example/'
global.index-url='https://pypi.example/simple'
global.timeout='15'
install.proxy='proxy.example:3128'
install.timeout='60'
install.trusted-host='pypi.example'
wheel.find-links='/for/pip/wheel/only'
"""


def test_the_environment_wins_over_the_install_section_and_that_over_the_global_one() -> None:
    values = parse_pip_config(LISTING)
    assert "forgotten" not in values["extra-index-url"]
    assert values["timeout"] == "60"
    assert "/for/pip/wheel/only" not in values["find-links"]


def test_lists_are_split_at_blanks_and_lines() -> None:
    settings = pip_settings(LISTING)
    assert settings.extra_index_urls == ("https://one.example/simple", "https://user:secret@two.example/simple")
    assert settings.find_links == ("/srv/wheels", "https://wheels.example/")


def test_uv_gets_addresses_with_passwords_by_environment_and_not_on_the_command_line() -> None:
    settings = pip_settings(LISTING)
    assert not any("secret" in word for word in uv_options(settings))
    environment = uv_environment(settings, {})
    assert environment["UV_INDEX"].split() == list(settings.extra_index_urls)
    assert environment["UV_DEFAULT_INDEX"] == "https://pypi.example/simple"


def test_uv_looks_at_all_indexes_as_pip_does() -> None:
    options = uv_options(PipSettings())
    assert options == ["--index-strategy", "unsafe-best-match"]


def test_find_links_and_trusted_hosts_become_options() -> None:
    options = uv_options(pip_settings(LISTING))
    assert options[2:] == [
        "--find-links",
        "/srv/wheels",
        "--find-links",
        "https://wheels.example/",
        "--allow-insecure-host",
        "pypi.example",
    ]


def test_certificate_proxy_and_timeout_become_variables() -> None:
    environment = uv_environment(pip_settings(LISTING), {"PATH": "/bin"})
    assert environment["PATH"] == "/bin"
    assert environment["SSL_CERT_FILE"] == "/etc/company.pem"
    assert environment["HTTPS_PROXY"] == environment["HTTP_PROXY"] == "http://proxy.example:3128"
    assert environment["UV_HTTP_TIMEOUT"] == "60"


def test_without_a_certificate_uv_trusts_what_the_system_trusts_as_pip_does() -> None:
    assert uv_environment(PipSettings(), {})["UV_SYSTEM_CERTS"] == "1"
    assert "UV_SYSTEM_CERTS" not in uv_environment(PipSettings(), {"SSL_CERT_FILE": "/etc/mine.pem"})


def test_no_index_leaves_only_the_links() -> None:
    settings = pip_settings("global.no-index='true'\nglobal.find-links='/srv'\nglobal.index-url='https://x.example'\n")
    assert "--no-index" in uv_options(settings)
    assert "UV_DEFAULT_INDEX" not in uv_environment(settings, {})


def test_what_would_mislead_uv_is_kept_from_it() -> None:
    base = {
        "VIRTUAL_ENV": "/else",
        "UV_PYTHON": "3.8",
        "UV_HTTP_TIMEOUT": "99",
        "PYTHONPATH": "/else",
        "HOME": "/home/a",
    }
    environment = uv_environment(PipSettings(), base)
    assert set(environment) == {"UV_HTTP_TIMEOUT", "HOME", "UV_SYSTEM_CERTS"}


def test_no_settings_at_all_are_no_settings() -> None:
    assert pip_settings("") == PipSettings()
