"""`doctor`: the truth about this place, without a key in it, and for nobody to be paid."""

from __future__ import annotations

import io
import json
import os
import pty
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomli_w

from fallback_chat.cli.commands.doctor import Patient, doctor
from fallback_chat.configuring import configure, surroundings
from fallback_chat.core.config.overrides import Overrides
from fallback_chat.providers.simulator import Simulator
from fallback_chat.sharing import stored_health
from fallback_chat.wiring import reach
from tests.cli.program import KEY, Ran, entry, read
from tests.fake_time import OVER_SOCKETS

if TYPE_CHECKING:
    from tests.cli.program import Program

DEAD = "http://127.0.0.1:9"


def report(program: Program, *args: str, **options: Any) -> tuple[int, dict[str, Any]]:
    ran = program("doctor", "--json", *args, **options)
    assert KEY not in ran.out + ran.err
    return ran.code, json.loads(ran.out)


def test_each_provider_is_reached_or_not_and_no_key_is_sent(program: Program) -> None:
    program.play("ok", "ok")
    program.config["providers"][1]["base_url"] = DEAD
    code, told = report(program)

    assert code == told["exit_code"] == 0
    assert [(one["name"], one["key_source"], one["key_state"], one["reached"]) for one in told["providers"]] == [
        ("one", "env SIM_KEY", "set", True),
        ("two", "env SIM_KEY", "set", False),
    ]
    assert told["providers"][1]["problem"].startswith("two cannot be reached (127.0.0.1:9 refuses connections)")
    assert not [name for request in program.servers[0].requests for name in request.headers if "auth" in name.lower()]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"base_url": DEAD}, 69), ({"temprature": 1}, 78), ({"enabled": False}, 78), ({"kind": "nonsense"}, 78)],
)
def test_the_exit_code_says_whether_a_chat_could_begin(program: Program, change: dict[str, Any], code: int) -> None:
    program.config["providers"][0] |= change
    found, told = report(program)

    assert found == told["exit_code"] == code
    assert bool(told["configuration"]["mistakes"]) == (code == 78)
    assert told["configuration"]["file"].endswith("fallback.toml")


def test_a_provider_that_is_switched_off_does_not_count(program: Program) -> None:
    program.play("ok", "ok")
    program.config["providers"][0]["enabled"] = False
    program.config["providers"][1]["base_url"] = DEAD

    code, told = report(program)

    assert (code, [one["reached"] for one in told["providers"]]) == (69, [True, False])


@pytest.mark.parametrize("place", ["model", "base_url", "kind", "tags"])
def test_a_key_in_the_wrong_place_is_not_told(program: Program, place: str) -> None:
    secret = "sk-Zq7xT0pSecretKEY91vWm4KdLq83"
    value = {"base_url": f"{DEAD}/{secret}", "tags": [secret]}.get(place, secret)
    program.config["providers"][0] |= {place: value, "api_key": secret}
    del program.config["providers"][0]["api_key_env"]
    for args in ([], ["--json"]):
        ran = program("doctor", *args, env={"OTHER": secret, "OPENAI_API_KEY": secret})
        assert secret not in ran.out + ran.err


def test_the_way_to_a_server_is_told(program: Program) -> None:
    program.config["providers"][0]["base_url"] = "https://host.invalid/v1"
    _, told = report(program, env={"HTTPS_PROXY": "http://me:pass-word@127.0.0.1:9", "SSL_CERT_FILE": __file__})
    (one,) = told["providers"]

    assert (one["proxy"], one["certificates"]) == ("http://127.0.0.1:9 (HTTPS_PROXY)", f"{__file__} (SSL_CERT_FILE)")
    assert {"HTTPS_PROXY", "SSL_CERT_FILE", "SIM_KEY"} <= set(told["variables"])
    assert "pass-word" not in json.dumps(told)


@pytest.mark.parametrize("anyio_backend", [OVER_SOCKETS], ids=["jumping"])
async def test_a_silent_server_is_not_waited_for_longer_than_the_others(home: Path) -> None:
    file = home / "fallback.toml"
    async with Simulator("accept-silent") as silent, Simulator() as talkative:
        servers = (("one", silent), ("two", talkative))
        file.write_text(tomli_w.dumps({"providers": [entry(name, server.url) for name, server in servers]}))
        load, shared = partial(configure, file, Overrides()), partial(stored_health, surroundings(file))
        _, told = await doctor(Patient(surroundings(file), load, reach, shared), io.StringIO(), as_json=True)

    assert [one["reached"] for one in told["providers"]] == [False, True]
    assert told["providers"][0]["problem"].endswith("(nothing for 5 s): check base_url, the proxy and the network")


def test_the_files_are_told_with_kind_and_mode(program: Program, tmp_path: Path) -> None:
    data, state = tmp_path / "data/fallback-chat", tmp_path / "state/fallback-chat"
    data.mkdir(parents=True)
    state.mkdir(parents=True, mode=0o700)
    (data / "history.db").mkdir()
    (state / "health.db").write_bytes(b"")
    (state / "health.db").chmod(0o644)
    (state / "input-history").symlink_to("/dev/null")
    (tmp_path / "key").touch()
    (tmp_path / "key").chmod(0o640)
    del program.config["providers"][0]["api_key_env"]
    program.config["providers"][0]["api_key_file"] = str(tmp_path / "key")
    _, told = report(program, env={"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_STATE_HOME": str(tmp_path / "state")})
    looks = {Path(one["path"]).name: (one["kind"], one["mode"], one["problem"]) for one in told["paths"]}

    assert looks["history.db"][0::2] == ("folder", "it is a folder instead of a file: move it away")
    assert looks["health.db"] == ("file", "0644", f"others have access: chmod 600 {state / 'health.db'}")
    assert looks["input-history"][0::2] == ("link", "it is a device instead of a file: move it away")
    assert looks["key"] == ("file", "0640", f"others have access: chmod 600 {tmp_path / 'key'}")
    assert looks["fallback.toml"] == ("file", "0600", None)
    assert looks["models.json"] == ("missing", None, None)


def test_a_bundle_is_what_was_shown_in_a_private_file(program: Program, tmp_path: Path) -> None:
    ran = program("doctor", "--bundle")
    (path,) = (tmp_path / "cwd").glob("fallback-chat-doctor-*.json")

    assert ran == Ran(0, path.read_text("utf-8"), f"wrote {path}: what is printed above, for a bug report\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KEY not in ran.out


@pytest.mark.parametrize(("typed", "written"), [(b"y\n", True), (b"n\n", False), (b"\n", False), (b"\x04", False)])
def test_on_a_terminal_a_bundle_is_shown_before_it_is_written(
    program: Program, tmp_path: Path, typed: bytes, written: bool
) -> None:
    master, slave = pty.openpty()
    with program.start("doctor", "--bundle", stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        shown = b""
        while not shown.endswith(b"[y/N] "):
            shown += read(master)
        before = list((tmp_path / "cwd").glob("fallback-chat-doctor-*.json"))
        os.write(master, typed)
        end = b"".join(iter(lambda: read(master), b""))
    os.close(master)
    found = [path.read_text("utf-8") for path in (tmp_path / "cwd").glob("fallback-chat-doctor-*.json")]
    report = shown.decode().replace("\r\n", "\n").rpartition("Write this to ")[0]

    assert (process.returncode, before, found) == (0, [], [report] if written else [])
    assert (b"no file was written" in end) is not written


def test_the_text_says_the_same(program: Program) -> None:
    ran = program("doctor")
    assert ran.code == 0
    for part in (
        "versions: fallback-chat ",
        "configuration: /",
        "one: openai, model",
        "  key: env SIM_KEY, set",
        "files:",
    ):
        assert part in ran.out
    assert KEY not in ran.out


def test_without_any_configuration_it_looks_all_the_same(program: Program) -> None:
    program.config = {}
    ran = program("doctor")
    assert (ran.code, "no file: the chain comes from the environment" in ran.out, ran.err) == (0, True, "")
