"""Which proxy a URL goes through, by variables as people, VPNs and sandboxes write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.errors import APIConnectionError
from fallback_chat.providers.http.proxies import Proxies, Proxy
from fallback_chat.providers.http.transport import Transport

URL = "https://api.example.test/v1"
PROXY = "http://proxy.test:3128"


def proxies(**environ: str) -> Proxies:
    return Proxies(environ, system=dict)


def goes_through(url: str, **environ: str) -> str | None:
    proxy = proxies(**environ).of(url)
    return None if proxy is None else proxy.url


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, Proxy(PROXY, "HTTPS_PROXY")),
        ({"https_proxy": PROXY}, Proxy(PROXY, "https_proxy")),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other.test"}, Proxy(PROXY, "https_proxy")),
        ({"ALL_PROXY": PROXY}, Proxy(PROXY, "ALL_PROXY")),
        ({"ALL_PROXY": "http://other.test", "HTTPS_PROXY": PROXY}, Proxy(PROXY, "HTTPS_PROXY")),
        ({"HTTP_PROXY": PROXY}, None),
        ({"HTTPS_PROXY": " "}, None),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, Proxy(PROXY, "HTTPS_PROXY")),
    ],
)
def test_the_variable_of_the_scheme_counts_before_the_one_for_all(environ: dict[str, str], proxy: Proxy | None) -> None:
    assert proxies(**environ).of(URL) == proxy


@pytest.mark.parametrize(
    ("value", "url"),
    [
        (f"  {PROXY}\n", PROXY),
        (f'"{PROXY}"', PROXY),
        ("proxy.test:3128", PROXY),
        ("HTTP://proxy.test:3128/", PROXY),
        ("http://me:p@ss@proxy.test:3128", "http://me:p@ss@proxy.test:3128"),
        ("http://::1", "http://[::1]"),
        ("fd00::7", "http://[fd00::7]"),
        ("http://[fd00::7]:3128", "http://[fd00::7]:3128"),
        ("socks5h://proxy.test:1080", "socks5h://proxy.test:1080"),
    ],
)
def test_an_address_is_read_as_it_was_meant(value: str, url: str) -> None:
    assert goes_through(URL, HTTPS_PROXY=value) == url


@pytest.mark.parametrize(
    "value", ["http://h:99999", "http://h:port", "http://h:0", "ftp://h", "gopher://h", "http://", "http://[::1", "@", "none"][:-1]
)  # fmt: skip
def test_what_is_no_address_is_an_error_that_names_the_variable(value: str) -> None:
    with pytest.raises(APIConnectionError, match=r"^HTTPS_PROXY holds '.*', which is not a proxy's address$") as caught:
        proxies(HTTPS_PROXY=value).of(URL)
    assert caught.value.hint == 'correct HTTPS_PROXY, or write proxy = "none"'


def test_the_credentials_of_a_proxy_are_not_told() -> None:
    assert Proxy("http://me:secret@proxy.test:3128", "x").origin == PROXY
    with pytest.raises(APIConnectionError) as caught:
        proxies(HTTPS_PROXY="http://me:secret@proxy.test:99999").of(URL)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("no_proxy", "host", "exempt"),
    [
        ("api.test", "api.test", True),
        ("API.Test", "api.test", True),
        ("test", "api.test", True),
        (".test", "api.test", True),
        ("*.test", "api.test", True),
        ("pi.test", "api.test", False),
        ("*", "api.test", True),
        ("a.test, *", "api.test", True),
        (" api.test , b.test", "api.test", True),
        ("b.test api.test", "api.test", True),
        ("api.test:443", "api.test", True),
        ("api.test:8080", "api.test", False),
        ("https://api.test", "api.test", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd07:b51a:cc66:f0::/64", "[fd07:b51a:cc66:f0::9]", True),
        ("[fd07:b51a:cc66:f0::]/64", "[fd07:b51a:cc66:f0::9]", True),
        ("fd07:b51a:cc66:f0::/64", "[fd08::9]", False),
        ("[fd00::7]", "[fd00::7]", True),
        ("[fd00::7]:443", "[fd00::7]", True),
        ("[fd00::7]:80", "[fd00::7]", False),
        ("fd00::7", "[fd00:0:0::7]", True),
        ("<local>", "intranet", True),
        ("<local>", "api.test", False),
        ("localhost,127.0.0.1,::1,[::1],[::1,::1],http://[,:::,/,a/b,%,fe80::1%eth0,10.0.0.0/99", "api.test", False),
        ("", "api.test", False),
    ],
)  # fmt: skip
def test_no_proxy_covers_names_addresses_and_networks(no_proxy: str, host: str, exempt: bool) -> None:
    assert (goes_through(f"https://{host}/v1", HTTPS_PROXY=PROXY, NO_PROXY=no_proxy) is None) is exempt


@given(st.text(), st.text(st.sampled_from("[]:/*.,% 10af-<>")))
def test_no_value_of_no_proxy_raises(junk: str, likely: str) -> None:
    for value in (junk, likely):
        assert goes_through(URL, HTTPS_PROXY=PROXY, no_proxy=value) in (None, PROXY)


@given(st.text())
def test_a_proxy_that_is_taken_is_one_that_httpx_can_read(value: str) -> None:
    try:
        proxy = proxies(HTTPS_PROXY=value).of(URL)
    except APIConnectionError:
        return
    if proxy is not None:
        Transport(None, proxy.url, float)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1", "http://sub.localhost"])
def test_this_machine_is_reached_without_a_proxy(url: str) -> None:
    assert goes_through(url, HTTP_PROXY=PROXY, ALL_PROXY=PROXY) is None


def test_what_the_configuration_says_counts_before_the_environment() -> None:
    of = proxies(HTTPS_PROXY="http://other.test").of
    assert of(URL, "none") is None
    assert of(URL, PROXY) == Proxy(PROXY, "proxy in fallback.toml")
    assert of("http://127.0.0.1", PROXY) == Proxy(PROXY, "proxy in fallback.toml")


def test_the_settings_of_the_system_count_where_the_environment_has_none() -> None:
    settings = {"https": PROXY}
    assert Proxies({}, system=lambda: settings).of(URL) == Proxy(PROXY, "the proxy settings of the system")
    assert Proxies({"NO_PROXY": "x"}, system=lambda: settings).of(URL) is None
    assert Proxies({"HTTP_PROXY": PROXY}, system=lambda: settings).of(URL) is None


def test_in_a_cgi_script_the_client_cannot_set_the_proxy() -> None:
    assert goes_through("http://api.test", HTTP_PROXY=PROXY, REQUEST_METHOD="GET") is None
    assert goes_through("http://api.test", http_proxy=PROXY, REQUEST_METHOD="GET") == PROXY
