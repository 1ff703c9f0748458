"""Every key of fallback.toml in tables: its type, its default and its meaning.

The parser, `config show`, the suggestions for misspelt keys and the test of the documentation all
read these rows.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final, NamedTuple

from fallback_chat.core.config import values as v
from fallback_chat.core.config.services import KNOWN_KINDS, SERVICES
from fallback_chat.core.engine.settings import (
    AttemptSettings,
    ChainSettings,
    HedgeAfter,
    OnRefusal,
    OnStreamFailure,
    Prefer,
    Recovery,
    Switching,
)


class Field(NamedTuple):
    """One key."""

    name: str
    type: v.ValueType
    doc: str
    default: Any = None
    secret: bool = False
    """Its value never appears in a message."""
    preference: bool = False
    """Whether an untrusted project file may set it: it neither redirects a request nor runs
    anything."""


EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Every vendor spells them differently, and each model knows only some."""
_DEFAULTS: Final = {field.name: field.default for field in (*fields(AttemptSettings), *fields(ChainSettings))}


def _chain(name: str, type_: v.ValueType, doc: str, *, default: Any = None) -> Field:
    return Field(name, type_, doc, _DEFAULTS[name] if default is None else default, preference=True)


ATTEMPT: Final = (
    _chain(
        "attempt_timeout",
        v.seconds(),
        "seconds to the first content of one attempt; 120 for servers on this machine",
    ),
    _chain(
        "max_retry_per_llm",
        v.integer(0, 20),
        "further requests to the same provider; unset: only the last one left gets one",
    ),
    _chain("retry_interval", v.seconds(above=False), "upper bound of the pause before a retry"),
    _chain("connect_timeout", v.seconds(), "seconds to an open connection"),
    _chain("thinking_timeout", v.seconds(), "longest time without readable reasoning while a model thinks"),
    _chain("idle_timeout", v.seconds(), "longest silence between two pieces of an answer"),
    _chain(
        "on_stream_failure",
        v.choice(OnStreamFailure, OnStreamFailure),
        "what to do if a provider fails after its text was shown",
    ),
    _chain("on_refusal", v.choice(OnRefusal, OnRefusal), "what to do if a provider refuses to answer"),
    _chain("switch", v.choice(Switching, Switching), "whether the chain may switch to a provider"),
)
"""How one provider is asked: keys of [chain] that an entry may override."""

CHAIN: Final = (
    *ATTEMPT,
    _chain("deadline", v.seconds(or_words=(v.NONE,)), "seconds for the whole chain to the first content"),
    _chain("prefer", v.choice(Prefer, Prefer), "the provider that a new turn begins with"),
    _chain(
        "hedge_after",
        v.seconds(or_words=HedgeAfter),
        "when to ask the next provider as well, if there is no content by then",
        default=HedgeAfter.TIMEOUT,
    ),
    _chain(
        "recovery",
        v.choice(Recovery, Recovery),
        "how the chat finds out in the background that a provider is well again",
    ),
    Field("health_url", v.HEALTH_URL, "where the health of providers is shared", v.SQLITE, secret=True),
)
"""Every key of [chain]."""

PROVIDER: Final = (
    Field("name", v.NAME, "its name in messages and on the command line; unset: the preset or kind"),
    Field("kind", v.choice(KNOWN_KINDS), "the wire format"),
    Field(
        "preset",
        v.choice(service.name for service in SERVICES),
        "a known service: sets kind, base_url and api_key_env",
    ),
    Field("model", v.LINE, "the model's name at the provider", preference=True),
    Field("base_url", v.URL, "the server's address; unset: that of the preset or kind", secret=True),
    Field("api_key_env", v.VARIABLE, "the environment variable that holds the key", secret=True),
    Field("api_key_cmd", v.ARGV, "a command that prints the key, run without a shell, 10 s at most", secret=True),
    Field("api_key_file", v.PATH, "a file that holds the key", secret=True),
    Field("api_key", v.TEXT, "the key itself; the file should be readable by you alone", secret=True),
    Field("enabled", v.BOOLEAN, "whether it takes part", True, preference=True),
    Field("max_tokens", v.integer(1, 10**8), "longest answer, in tokens", preference=True),
    Field("temperature", v.number("a number", 0, 2), "randomness of the answers", preference=True),
    Field("top_p", v.number("a number", 0, 1), "the share of likely words to choose from", preference=True),
    Field("stop", v.LINES, "strings at which an answer ends", (), preference=True),
    Field("seed", v.integer(0, 2**63 - 1), "makes answers repeatable, as far as the server can", preference=True),
    Field("reasoning_effort", v.choice(EFFORTS), "how hard the model thinks", preference=True),
    Field("context_window", v.integer(1, 10**9), "tokens that fit into one conversation"),
    Field("system", v.TEXT, "a system prompt for this provider", preference=True),
    Field("tags", v.LINES, 'your own labels, such as "local"', ()),
    Field("headers", v.HEADERS, "extra HTTP headers", (), secret=True),
    Field("proxy", v.PROXY, 'the proxy to use; "none" ignores those of the environment', secret=True),
    Field("ca_file", v.PATH, "certificates (PEM) to trust besides the system's"),
    Field("extra_body", v.JSON_TABLE, "merged into the request's JSON last", {}),
    Field("prices", v.JSON_TABLE, "what a million tokens cost"),
)

PRICES: Final = (
    Field("input", v.number("a price", 0, 1e6), "per million tokens sent", 0.0),
    Field("output", v.number("a price", 0, 1e6), "per million tokens received", 0.0),
    Field("cached", v.number("a price", 0, 1e6), "per million tokens read from a cache"),
)

CHAT: Final = (
    Field("multiline", v.BOOLEAN, "Enter makes a new line, Alt-Enter sends", False, preference=True),
    Field("vi", v.BOOLEAN, "vi keys instead of emacs keys", False, preference=True),
    Field("calm", v.BOOLEAN, "nothing on the screen moves: for screen readers", False, preference=True),
    Field(
        "theme",
        v.choice(("auto", "dark", "light")),
        "the background that colours are chosen for",
        "auto",
        preference=True,
    ),
    Field("reasoning", v.BOOLEAN, "what the model thinks is shown before its answer", False, preference=True),
    Field(
        "notify",
        v.choice(("off", "bell", "desktop")),
        "how to tell that an answer that took long is done, or a provider is back",
        "off",
        preference=True,
    ),
    Field("record_ask", v.BOOLEAN, "`ask` keeps its conversations without a terminal, too", False),
    Field("currency", v.LINE, "the currency of `prices`", "$", preference=True),
)


def _key(name: str, default: str, doc: str) -> Field:
    return Field(name, v.LINE, doc, default, preference=True)


KEYS: Final = (
    _key("send", "enter", "send"),
    _key("newline", "escape enter", "new line (also Ctrl-J, Shift-Enter, or a backslash at the end)"),
    _key("editor", "c-x c-e", "open $EDITOR"),
    _key("editor_short", "c-g", "open $EDITOR"),
    _key("edit_last", "escape escape", "edit the last question, on an empty line"),
    _key("expand_paste", "c-o", "show the text of a paste"),
    _key("suspend", "c-z", "suspend"),
    _key("help", "f1", "help (also ? on an empty line)"),
    _key("chain", "f2", "the chain and its states"),
    _key("reasoning", "f5", "what the model has thought so far, or for the last answer"),
    _key("multiline", "f3", "multi-line mode on and off"),
    _key("vi", "f4", "vi keys on and off"),
    _key("next_provider", "c-n", "while waiting for an answer: give up on this provider, ask the next"),
    _key("stop", "escape", "while waiting for an answer: stop it"),
)

PROFILE: Final = (Field("providers", v.LINES, "names of providers, in order"),)

ATTEMPT_KEYS: Final = {field.name: field for field in ATTEMPT}
CHAIN_KEYS: Final = {field.name: field for field in CHAIN}
PROVIDER_KEYS: Final = {field.name: field for field in (*PROVIDER, *ATTEMPT)}
PRICE_KEYS: Final = {field.name: field for field in PRICES}
CHAT_KEYS: Final = {field.name: field for field in CHAT}
KEY_KEYS: Final = {field.name: field for field in KEYS}
PROFILE_KEYS: Final = {field.name: field for field in PROFILE}
OPENAI_KINDS: Final = frozenset({"openai", "openai-responses"})
KEY_SOURCES: Final = ("api_key_env", "api_key_cmd", "api_key_file", "api_key")

WORDS_OF_OTHERS: Final = {
    "api_base": "base_url", "url": "base_url", "endpoint": "base_url", "host": "base_url",
    "key": "api_key_env", "token": "api_key_env", "api_key_command": "api_key_cmd",
    "type": "kind", "provider": "kind", "vendor": "preset", "model_name": "model",
    "timeout": "attempt_timeout", "retries": "max_retry_per_llm", "max_retries": "max_retry_per_llm",
    "system_prompt": "system", "prompt": "system", "context_length": "context_window", "max_output_tokens": "max_tokens",
    "effort": "reasoning_effort", "stop_sequences": "stop",
    "ca_bundle": "ca_file", "price": "prices", "disabled": "enabled", "active": "enabled",
}  # fmt: skip
"""The names that other programs use for our keys."""
