from __future__ import annotations

import datetime
import http.server
import ssl
import threading
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from handson.errors import HandsonError
from handson.room.hub import tls
from handson.room.hub.settings import Tls
from handson.room.hub.state import make_places


@pytest.fixture
def made(tmp_path: Path) -> tuple[Tls, Path]:
    places = make_places(tmp_path / "room")
    return tls.local(places.tls, places.ca, "127.0.0.1", "class.local"), places.ca


def test_who_installed_the_rooms_ca_reaches_it_without_a_warning_and_nobody_else(made: tuple[Tls, Path]) -> None:
    certificate, ca = made
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{server.server_address[1]}/nothing"
    try:
        trusting = ssl.create_default_context(cafile=str(ca / "ca.pem"))
        assert httpx.get(url, verify=trusting).status_code == 404
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(url)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(url.replace("127.0.0.1", "localhost"), verify=trusting)
    finally:
        server.shutdown()
        server.server_close()


def test_the_ca_vouches_for_private_addresses_only(made: tuple[Tls, Path]) -> None:
    shown = x509.load_pem_x509_certificate((made[1] / "ca.pem").read_bytes())
    constraints = shown.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    permitted = constraints.value.permitted_subtrees or []
    assert {str(one.value) for one in permitted} == {*tls.PRIVATE_NETWORKS, "local"}


def test_the_ca_is_kept_so_that_devices_need_it_once(made: tuple[Tls, Path], tmp_path: Path) -> None:
    before = (made[1] / "ca.pem").read_bytes()
    places = make_places(tmp_path / "room")
    tls.local(places.tls, places.ca, "10.0.0.7")
    assert (made[1] / "ca.pem").read_bytes() == before


def test_keys_are_for_their_owner_only(made: tuple[Tls, Path]) -> None:
    for key in (made[0].key, made[1] / "ca-key.pem"):
        assert key.stat().st_mode & 0o077 == 0


def test_a_certificate_that_was_given_is_taken_as_it_is(made: tuple[Tls, Path], tmp_path: Path) -> None:
    folder = tmp_path / "shown"
    folder.mkdir()
    given = tls.given(folder, made[0].certificate, made[0].key)
    assert given.certificate.read_bytes() == made[0].certificate.read_bytes()
    assert not given.is_local_ca


def test_a_certificate_that_will_not_do_is_refused_with_the_reason(
    made: tuple[Tls, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HandsonError, match="is not that of the certificate"):
        tls.given(tmp_path, made[0].certificate, made[1] / "ca-key.pem")
    with pytest.raises(HandsonError, match="cannot be read"):
        tls.given(tmp_path, tmp_path / "none.pem", made[0].key)
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=400)
    monkeypatch.setattr(tls, "_now", lambda: later)
    with pytest.raises(HandsonError, match=r"is valid from .* and today is"):
        tls.given(tmp_path, made[0].certificate, made[0].key)


def test_a_ca_that_is_not_whole_is_made_anew(made: tuple[Tls, Path], tmp_path: Path) -> None:
    (made[1] / "ca.pem").write_text("nonsense")
    places = make_places(tmp_path / "room")
    tls.local(places.tls, places.ca, "127.0.0.1")
    assert serialization.load_pem_private_key((made[1] / "ca-key.pem").read_bytes(), None)
    assert b"BEGIN CERTIFICATE" in (made[1] / "ca.pem").read_bytes()
