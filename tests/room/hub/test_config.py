from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from handson.errors import HandsonError
from handson.room.hub import config
from handson.room.hub.settings import RoomSettings, Tls, address_of, read_settings
from handson.room.hub.state import Places, Secrets

SECRETS = Secrets("aa" * 32, "bb" * 32, "cc" * 32, "dd" * 32, "KRTMWQ", "ABCD-EFGH-JKMN-PQRS")
Make = Callable[..., RoomSettings]


def made(settings: RoomSettings) -> dict[str, dict[str, object]]:
    return config.hub_config(settings, SECRETS, Places(settings.state))


def test_nothing_of_the_hub_listens_on_the_network(make_settings: Make) -> None:
    hub = made(make_settings(host="192.168.1.5", port=80))
    assert str(hub["JupyterHub"]["hub_bind_url"]).startswith("http+unix://")
    assert str(hub["ConfigurableHTTPProxy"]["api_url"]).startswith("http+unix://")
    assert hub["JupyterHub"]["bind_url"] == "http://192.168.1.5:80"


def test_an_attendee_may_use_their_own_server_and_nothing_else(make_settings: Make) -> None:
    roles = {role["name"]: role for role in made(make_settings())["JupyterHub"]["load_roles"]}  # type: ignore[attr-defined]
    assert roles["user"]["scopes"] == ["access:servers!user", "read:users!user", "users:activity!user"]
    assert roles["supervisor"]["scopes"] == ["proxy", "read:hub"]


def test_no_limit_of_jupyterhub_turns_anybody_away(make_settings: Make) -> None:
    hub = made(make_settings())
    assert hub["JupyterHub"]["concurrent_spawn_limit"] == hub["JupyterHub"]["active_server_limit"] == 0
    assert hub["Spawner"]["consecutive_failure_limit"] == 0


def test_seats_outlive_the_proxy_and_learners_configure_no_server(make_settings: Make) -> None:
    hub = made(make_settings())
    assert hub["ConfigurableHTTPProxy"]["should_start"] is False
    assert hub["Spawner"]["disable_user_config"] is True


def test_no_page_is_framed_and_no_script_is_in_a_page(make_settings: Make) -> None:
    policy = made(make_settings())["JupyterHub"]["tornado_settings"]["headers"]["Content-Security-Policy"]  # type: ignore[index]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_seats_save_by_a_rename_and_what_is_deleted_frees_its_space(make_settings: Make) -> None:
    server = config.server_config(make_settings())
    assert server["ServerApp"]["contents_manager_class"] == "handson.room.saving.Contents"
    assert server["FileContentsManager"]["delete_to_trash"] is False


def test_the_spawner_is_one_setting_and_takes_its_own(make_settings: Make) -> None:
    hub = made(make_settings(spawner_class="somewhere.SeatSpawner", spawner={"forge": "/run/forge"}))
    assert hub["JupyterHub"]["spawner_class"] == "somewhere.SeatSpawner"
    assert hub["SeatSpawner"] == {"forge": "/run/forge"}


def test_the_configuration_is_plain_data(make_settings: Make) -> None:
    assert json.loads(json.dumps(made(make_settings()))) == made(make_settings())


def test_the_proxy_gets_no_secret_on_its_command_line(make_settings: Make) -> None:
    settings = make_settings(tls=Tls(certificate=Path("/c.pem"), key=Path("/k.pem")))
    command = config.proxy_command(settings, Places(settings.state))
    assert SECRETS.proxy not in " ".join(command)
    assert command[command.index("--ssl-cert") + 1] == "/c.pem"
    assert "--ssl-cert" not in config.proxy_command(make_settings(), Places(settings.state))


def test_a_part_sees_little_of_the_organisers_environment() -> None:
    seen = config.part_environment({"PATH": "/bin", "AWS_SECRET": "x", "HOME": "/root"}, {"HOME": "/nowhere"})
    assert seen == {"PATH": "/bin", "HOME": "/nowhere"}


def test_settings_come_back_as_they_were_written(make_settings: Make, tmp_path: Path) -> None:
    settings = make_settings(seats=12, agenda=60)
    file = tmp_path / "settings.json"
    file.write_text(settings.model_dump_json())
    assert read_settings(file) == settings
    file.write_text("{")
    with pytest.raises(HandsonError, match="cannot be read from"):
        read_settings(file)


def test_a_misspelt_setting_is_refused(make_settings: Make) -> None:
    with pytest.raises(ValidationError, match="seat_count"):
        make_settings(seat_count=3)


def test_an_address_for_people_has_a_port_only_where_it_needs_one() -> None:
    assert address_of("http", "192.168.1.5", 80) == "http://192.168.1.5/"
    assert address_of("https", "192.168.1.5", 443) == "https://192.168.1.5/"
    assert address_of("http", "192.168.1.5", 8000) == "http://192.168.1.5:8000/"
    assert address_of("http", "fe80::1", 80) == "http://[fe80::1]/"
