"""What holds for every test: asyncio, a home of its own, no key or proxy of the developer, no network but loopback."""

from __future__ import annotations

import gc
import ipaddress
import itertools
import os
import random
import re
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

import hypothesis
import pytest

from tests import sampling
from tests.promises import promises_of, table
from tests.running import Running

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

FOREIGN_VARIABLE: Final = re.compile(
    r"_API_KEY$|_AUTH_TOKEN$|_BASE_URL$|_proxy$|^FALLBACK_CHAT_|^OLLAMA_HOST$|^SSL_CERT_|^HF_TOKEN$", re.IGNORECASE
)
XDG: Final = ("CONFIG_HOME", "DATA_HOME", "STATE_HOME", "CACHE_HOME", "RUNTIME_DIR")


class NetworkForbiddenError(BaseException):
    """A test tried to leave this machine. Not an `Exception`, or the error handling under test would swallow it."""


def is_local(host: object) -> bool:
    """Say whether reaching `host` stays on this machine; names under `.invalid` can never be reached (RFC 6761)."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost") or (isinstance(name, str) and name.endswith(".invalid")):
        return True
    try:
        return ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False


def forbid_network(event: str, args: tuple[Any, ...]) -> None:
    """Refuse connections and look-ups that are not for loopback: an audit hook sees every library's."""
    if event == "socket.connect" and isinstance(args[1], tuple) and not is_local(args[1][0]):
        raise NetworkForbiddenError(f"a test connects to {args[1]!r}")
    if event == "socket.getaddrinfo" and not is_local(args[0]):
        raise NetworkForbiddenError(f"a test looks up {args[0]!r}")


sys.addaudithook(forbid_network)


def heed_signals() -> None:
    """Undo what `nohup` and a shell's `&` do: what is ignored here would be ignored by all programs that tests start."""
    for number, handler in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


heed_signals()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("samples")
    group.addoption("--everything", action="store_true", help="try every case where only a sample is tried otherwise")
    group.addoption(
        "--promises", action="store_true", help="run the tests of what the program promises, and say what was held"
    )
    group.addoption("--seed", type=int, help="the sample to be tried; a run without --seed chooses one and names it")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    options = config.option
    if hasattr(config, "workerinput"):
        options.seed = config.workerinput["seed"]
    elif options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    options.hypothesis_seed = options.hypothesis_seed or options.seed
    sampling.everything = options.everything
    hypothesis.settings.register_profile(
        "samples",
        max_examples=1000 if options.everything else 100,
        # How long an example takes depends on what else the machine does; the tests say what they mean about time themselves.
        deadline=None,
        # The fixture `home` is one for all examples of a test, and it makes no difference.
        suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
    )
    hypothesis.settings.load_profile("samples")
    if not hasattr(config, "workerinput"):  # in the process that hands out the tests, or the only one
        config.pluginmanager.register(Running())


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the collected tests out of the search for garbage, each round of which would take longer than most tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.option.promises:
        return
    left_out = []
    for item in list(items):
        found = promises_of(item.path)
        item.user_properties += [("promise", number) for number in found]
        if not found:
            items.remove(item)
            left_out.append(item)
    config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return three processes for two cores: a third of their time is waiting for servers, programs and terminals."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return (3 * cores + 1) // 2


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Have the processes that run the tests choose the same sample; the one that hands them out names its seed."""
    node.workerinput["seed"] = node.config.option.seed


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.option.promises:
        reports = [one for name in ("passed", "failed", "error") for one in terminalreporter.stats.get(name, ())]
        for line in table(reports):
            terminalreporter.write_line(line)
    terminalreporter.write_line(f"samples: --seed={config.option.seed}")


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> sampling.Sample:
    """Choose some of many cases; `--everything` means all of them."""
    return sampling.Sample(f"{request.config.option.seed} {request.node.name}")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Path]]:
    """Take what is the developer's out of the environment; what is yielded makes an empty home, which it then names."""
    homes = tmp_path_factory.mktemp("homes")
    numbers = itertools.count()
    last: Path | None = None

    def empty() -> Path:
        nonlocal last
        if last is None or any(last.iterdir()):
            last = homes / str(next(numbers))
            last.mkdir(mode=0o700)
            patch.setenv("HOME", str(last))
            for name in XDG:
                patch.setenv(f"XDG_{name}", str(last / name.lower()))
        return last

    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if FOREIGN_VARIABLE.search(name):
                patch.delenv(name)
        yield empty


@pytest.fixture(autouse=True)
def home(empty_home: Callable[[], Path]) -> Path:
    """Return an empty home, that of the last test if it left nothing there: most look at none, and a new one is slow."""
    return empty_home()
