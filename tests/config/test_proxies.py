"""Which proxy of the environment an endpoint is reached through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalperf.config import load_config
from evalperf.config.proxies import environment_proxy
from evalperf.errors import ConfigError

BOTH = {"HTTPS_PROXY": "http://s:1", "HTTP_PROXY": "http://p:2"}


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://h/v1", BOTH, "http://s:1"),
        ("http://h/v1", BOTH, "http://p:2"),
        ("https://h/v1", {"HTTP_PROXY": "http://p:2"}, None),
        ("https://h/v1", {"https_proxy": "http://small:1", **BOTH}, "http://small:1"),
        ("https://h/v1", {"https_proxy": "", "HTTPS_PROXY": "http://s:1/"}, "http://s:1"),
        ("https://h/v1", {"HTTPS_PROXY": "s:1"}, "http://s:1"),
        ("https://h/v1", {}, None),
        ("http://127.0.0.1:8000/v1", BOTH, None),
        ("http://127.1.2.3/v1", BOTH, None),
        ("http://localhost:8000/v1", BOTH, None),
        ("http://[::1]:8000/v1", BOTH, None),
    ],
)
def test_the_proxy_goes_by_the_scheme_and_never_before_this_machine(
    url: str, environ: dict[str, str], proxy: str | None
) -> None:
    assert environment_proxy(url, environ) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "url", "through"),
    [
        ("*", "https://h.example.org/v1", False),
        ("example.org", "https://h.example.org/v1", False),
        (".example.org", "https://h.example.org/v1", False),
        ("*.example.org", "https://h.example.org/v1", False),
        ("EXAMPLE.org", "https://example.org/v1", False),
        ("example.org", "https://badexample.org/v1", True),
        ("a, example.org", "https://example.org/v1", False),
        ("example.org:8443", "https://example.org:8443/v1", False),
        ("example.org:8443", "https://example.org/v1", True),
        ("10.0.0.0/8", "https://10.1.2.3/v1", False),
        ("10.0.0.0/8", "https://11.1.2.3/v1", True),
        ("10.1.2.3", "https://10.1.2.3/v1", False),
        ("", "https://example.org/v1", True),
        (",", "https://example.org/v1", True),
    ],
)
def test_hosts_can_be_excepted(no_proxy: str, url: str, through: bool) -> None:
    assert (environment_proxy(url, {**BOTH, "NO_PROXY": no_proxy}) is not None) is through


def test_a_proxy_of_another_kind_is_named_without_its_password() -> None:
    with pytest.raises(ConfigError, match="HTTPS_PROXY") as caught:
        environment_proxy("https://h", {"HTTPS_PROXY": "socks5://me:secret@h:1"})
    assert "secret" not in caught.value.message


def write(folder: Path, **endpoint: str) -> Path:
    path = folder / "c.json"
    provider = {"type": "openai", "model": "m", "endpoints": [{"url": "https://h/v1", **endpoint}]}
    path.write_text(json.dumps({"cases": {"path": "a.jsonl"}, "provider": provider}))
    return path


@pytest.mark.parametrize(
    ("endpoint", "proxy"),
    [({}, "http://me:secret@s:1"), ({"proxy": "http://own:3"}, "http://own:3"), ({"proxy": "none"}, "none")],
)
def test_an_endpoints_own_word_wins(tmp_path: Path, endpoint: dict[str, str], proxy: str) -> None:
    loaded = load_config(write(tmp_path, **endpoint), (), {"https_proxy": "me:secret@s:1"})
    assert loaded.config.provider.endpoints[0].proxy == proxy  # type: ignore[union-attr]


def test_the_environments_proxy_is_secret_and_no_setting(tmp_path: Path) -> None:
    """Its password is masked wherever it might turn up, and the same settings keep their digest on every machine."""
    path = write(tmp_path)
    behind = load_config(path, (), {"https_proxy": "http://me:secret@s:1"})
    direct = load_config(path, (), {})
    assert "secret" in behind.secrets
    assert "proxy" not in json.dumps(behind.raw)
    assert behind.digest == direct.digest


def test_a_configured_proxys_password_is_not_stored(tmp_path: Path) -> None:
    loaded = load_config(write(tmp_path, proxy="http://me:secret@s:1"), (), {})
    assert "secret" in loaded.secrets
    assert "secret" not in json.dumps(loaded.raw)


def test_every_endpoint_of_a_configuration_is_found(tmp_path: Path) -> None:
    path = write(tmp_path)
    tree = json.loads(path.read_text())
    path.write_text(json.dumps({**tree, "fallback": tree["provider"]}))
    loaded = load_config(path, (), {"https_proxy": "http://s:1"})
    assert loaded.config.fallback.endpoints[0].proxy == "http://s:1"  # type: ignore[union-attr]
