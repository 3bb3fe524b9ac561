"""Certificates of a configuration's own."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import pytest

from evalperf.errors import ConfigError
from evalperf.providers.trust import tls_context
from tests.support.certificates import Certificate
from tests.support.http_server import chat_reply, scripted_server
from tests.support.names import resolve_to
from tests.support.requests import make_request, openai_config, opened


async def test_a_certificate_that_ca_file_names_is_trusted(certificate: Certificate, tmp_path: Path) -> None:
    """The file is looked for beside the configuration."""
    shutil.copy(certificate.path, tmp_path / "ca.pem")
    async with scripted_server(chat_reply("x"), tls=certificate.server) as server:
        config = openai_config(server.url, endpoint={"ca_file": "ca.pem"})
        async with opened(config, tmp_path) as provider:
            assert (await provider.complete(make_request())).text == "x"


async def test_a_host_that_the_certificate_does_not_name_is_still_refused(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "127.0.0.1")
    async with scripted_server(chat_reply("x"), tls=certificate.server) as server:
        url = server.url.replace("127.0.0.1", "models.example")
        async with opened(openai_config(url, endpoint={"ca_file": str(certificate.path)})) as provider:
            with pytest.raises(ConfigError, match="not trusted"):
                await provider.check()


async def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    config = openai_config("https://h/v1", endpoint={"ca_file": "ca.pem"})
    with pytest.raises(ConfigError, match=r"ca\.pem: No such file"):
        async with opened(config, tmp_path):
            pass


@pytest.mark.parametrize("content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
async def test_a_file_without_certificates_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "ca.pem").write_text(content)
    config = openai_config("https://h/v1", endpoint={"ca_file": "ca.pem"})
    with pytest.raises(ConfigError, match=r"ca\.pem: found no certificate in PEM form") as caught:
        async with opened(config, tmp_path):
            pass
    assert "BEGIN CERTIFICATE" in (caught.value.hint or "")


@pytest.mark.parametrize("verify", [True, False])
def test_nothing_older_than_tls_1_2_is_spoken(verify: bool) -> None:
    assert tls_context(verify=verify).minimum_version >= ssl.TLSVersion.TLSv1_2
