"""Every fault that the simulator can play: one table, one row each."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fallback_chat.core.value import dataclass
from fallback_chat.providers.simulator import documents as doc
from fallback_chat.providers.simulator import steps as s
from fallback_chat.providers.simulator.exchange import Framing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.providers.simulator.exchange import Exchange
    from fallback_chat.providers.simulator.steps import Step


class Where(StrEnum):
    """Where a fault strikes, or where the answer is odd without being wrong."""

    NONE = "none"
    CONNECTION = "connection"
    """Before a request is read."""
    HEAD = "head"
    BEFORE_TEXT = "before text"
    AFTER_TEXT = "after text"
    NO_ANSWER = "a 200 that is no answer"
    FORM = "a 200 in another form"
    STATUS = "status"
    REDIRECT = "redirect"
    ENCODING = "encoding"
    MEANING = "meaning"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to answer; `whole` if a good client gets the complete answer nevertheless."""

    name: str
    where: Where
    does: str
    steps: tuple[Step, ...]
    whole: bool = False

    async def play(self, exchange: Exchange) -> None:
        """Answer. Raises ClientGoneError if the client leaves in the middle."""
        for step in self.steps:
            await step(exchange)


SSH: Final = b"SSH-2.0-OpenSSH_9.6\r\nInvalid SSH identification string.\r\n"
HEAD: Final = s.head()
TO_TEXT: Final = (HEAD, s.start)
TO_TOKEN: Final = (HEAD, s.start, s.token)
REST: Final = (s.rest, s.finish("stop"), s.usage, s.terminate, s.end)
ANSWER: Final = (s.start, s.token, *REST)
ENDING: Final = (s.usage, s.terminate, s.end)


def _whole(name: str, where: Where, does: str, *steps: Step) -> Fault:
    return Fault(name, where, does, steps, whole=True)


def _fails(name: str, where: Where, does: str, *steps: Step) -> Fault:
    return Fault(name, where, does, steps)


W = Where
_ROWS: Final = (
    _whole("ok", W.NONE, "a healthy answer", HEAD, *ANSWER),
    _whole("slow", W.NONE, "a healthy answer, a tick between two words", HEAD, s.start, s.token, s.slowly, *REST[1:]),
    _fails("accept-silent", W.CONNECTION, "accepts, reads nothing, says nothing", s.hang),
    _fails("accept-close", W.CONNECTION, "accepts and closes", s.close),
    _fails("accept-reset", W.CONNECTION, "accepts and resets", s.reset),
    _fails("not-http", W.CONNECTION, "speaks SSH, and closes", s.raw(SSH), s.close),
    _fails("head-silent", W.HEAD, "reads the request and never answers", s.hang),
    _fails("head-close", W.HEAD, "reads the request and closes", s.close),
    _fails("head-reset", W.HEAD, "reads the request and resets", s.reset),
    _fails("head-half", W.HEAD, "half a status line, then silence", s.raw(b"HTTP/1.1 20"), s.hang),
    _fails("head-garbage", W.HEAD, "a status line that is none", s.raw(b"HTTP/9.9 abc\r\n\r\n"), s.close),
    _fails("head-huge", W.HEAD, "8 MB of headers", s.raw(b"HTTP/1.1 200 OK\r\n"), s.raw(b"x: " + b"y" * 8000, 1000)),
    _fails("status-204", W.HEAD, "204 without a body", s.raw(b"HTTP/1.1 204 No Content\r\n\r\n")),
    _whole("head-drip", W.HEAD, "the head one byte at a time", s.dripping_head, *ANSWER),
    _whole("interim-100", W.HEAD, "100 first", s.raw(b"HTTP/1.1 100 Continue\r\n\r\n"), HEAD, *ANSWER),
    _whole("interim-103", W.HEAD, "103 first", s.raw(b"HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n"), HEAD, *ANSWER),
    _whole(
        "http-1.0", W.HEAD, "HTTP/1.0, ended by closing", s.head(framing=Framing.CLOSE, version="HTTP/1.0"), *ANSWER
    ),
    _whole("no-content-type", W.HEAD, "no content type", s.head_as(None), *ANSWER),
    _whole("odd-content-type", W.HEAD, "an odd content type", s.head_as("application/octet-stream"), *ANSWER),
    _fails("silence", W.BEFORE_TEXT, "200 and headers, then silence", HEAD, s.hang),
    _fails("role-silence", W.BEFORE_TEXT, "the role, then silence", *TO_TEXT, s.hang),
    _fails("late", W.BEFORE_TEXT, "silence, then an answer", HEAD, s.late, *ANSWER),
    _fails("comments", W.BEFORE_TEXT, "comments, then an answer", HEAD, s.comments, *ANSWER),
    _fails("pings", W.BEFORE_TEXT, "frames without content, then an answer", *TO_TEXT, s.pings, s.token, *REST),
    _fails("comments-forever", W.BEFORE_TEXT, "comments, nothing else", HEAD, s.for_ever(s.comments)),
    _fails("pings-forever", W.BEFORE_TEXT, "frames without content, nothing else", *TO_TEXT, s.for_ever(s.pings)),
    _fails("thinking-forever", W.BEFORE_TEXT, "reasoning, nothing else", *TO_TEXT, s.for_ever(s.thoughts)),
    _whole("thinking-long", W.BEFORE_TEXT, "reasoning for long, then an answer", *TO_TEXT, s.thoughts, s.token, *REST),
    _fails(
        "thinking-unseen",
        W.BEFORE_TEXT,
        "reasoning of which nothing is shown, then an answer",
        *(*TO_TEXT, s.think_silently, s.late, s.token, *REST),
    ),
    _fails("empty-body", W.BEFORE_TEXT, "an empty body", HEAD, s.end),
    _fails("terminator-only", W.BEFORE_TEXT, "only the terminator", HEAD, s.terminate, s.end),
    _fails("error-first", W.BEFORE_TEXT, "an error event first", HEAD, s.error, s.end),
    _fails("role-error", W.BEFORE_TEXT, "the role, then an error event", *TO_TEXT, s.error, s.end),
    _fails("role-close", W.BEFORE_TEXT, "the role, then the end of the body", *TO_TEXT, s.end),
    _fails("role-reset", W.BEFORE_TEXT, "the role, then a reset", *TO_TEXT, s.reset),
    _fails("broken-first", W.BEFORE_TEXT, "broken JSON in the first frame", HEAD, s.broken_frame, s.end),
    _fails("token-silence", W.AFTER_TEXT, "a word, then silence", *TO_TOKEN, s.hang),
    _fails("token-comments", W.AFTER_TEXT, "a word, then comments for ever", *TO_TOKEN, s.for_ever(s.comments)),
    _fails("token-reset", W.AFTER_TEXT, "a word, then a reset", *TO_TOKEN, s.reset),
    _fails("token-drop", W.AFTER_TEXT, "a word, then closed inside the body", *TO_TOKEN, s.close),
    _fails("token-close", W.AFTER_TEXT, "a word, then the end of the body, no finish", *TO_TOKEN, s.close_clean),
    _fails("token-done", W.AFTER_TEXT, "a word, then the terminator, no finish", *TO_TOKEN, s.terminate, s.close_clean),
    _fails("half-close", W.AFTER_TEXT, "half of the words, then the end of the body", *TO_TEXT, s.half, s.close_clean),
    _fails("token-half", W.AFTER_TEXT, "a word, half an event, the end", *TO_TOKEN, s.half_event, s.close_clean),
    _fails("token-error", W.AFTER_TEXT, "a word, then an error event", *TO_TOKEN, s.error, s.end),
    _fails("token-broken", W.AFTER_TEXT, "a word, then broken JSON", *TO_TOKEN, s.broken_frame, s.end),
    _fails(
        "token-chunk",
        W.AFTER_TEXT,
        "a word, then broken chunk framing",
        *TO_TOKEN,
        s.raw(b"zz\r\nnot a chunk"),
        s.close,
    ),
    _whole("no-terminator", W.AFTER_TEXT, "no terminator", *TO_TOKEN, s.rest, s.finish("stop"), s.end),
    _whole("no-close", W.AFTER_TEXT, "the terminator, the body never ends", HEAD, *ANSWER[:-1], s.flush, s.hang),
    _whole(
        "finish-hang", W.AFTER_TEXT, "the finish, then silence", *TO_TOKEN, s.rest, s.finish("stop"), s.flush, s.hang
    ),
    _whole(
        "finish-reset", W.AFTER_TEXT, "the finish, then a reset", *TO_TOKEN, s.rest, s.finish("stop"), s.flush, s.reset
    ),
    _whole("done-reset", W.AFTER_TEXT, "the terminator, then a reset", HEAD, *ANSWER[:-1], s.flush, s.reset),
    _whole("done-text", W.AFTER_TEXT, "text after the terminator", HEAD, *ANSWER[:-1], s.flush, s.say(" more"), s.end),
    _whole("finish-twice", W.AFTER_TEXT, "the finish twice", *TO_TOKEN, s.rest, s.finish("stop"), *REST[1:]),
    _whole("stale", W.AFTER_TEXT, "a healthy answer, then the kept connection is closed", HEAD, *ANSWER, s.close_after),
    _fails("html-200", W.NO_ANSWER, "an HTML page", doc.document("<html><h1>Log in</h1></html>", "text/html")),
    _fails("error-200", W.NO_ANSWER, "an error document", doc.error(200, "The server is overloaded.")),
    _fails("null-200", W.NO_ANSWER, "null", doc.document("null")),
    _fails("list-200", W.NO_ANSWER, "a list", doc.document("[1, 2]")),
    _fails("string-200", W.NO_ANSWER, "a string", doc.document('"maintenance"')),
    _fails("object-200", W.NO_ANSWER, "an object that is no answer", doc.document('{"ok": true}')),
    _fails("cut-json-200", W.NO_ANSWER, "truncated JSON", doc.document('{"id": "x", "choices": [{"mess')),
    _fails("text-200", W.NO_ANSWER, "plain text", doc.document("It works!", "text/plain")),
    _whole("json-for-stream", W.FORM, "a whole document although a stream was asked for", doc.whole),
    _whole("stream-for-json", W.FORM, "a stream although a document was asked for", s.as_stream, HEAD, *ANSWER),
    _fails(
        "utf8-invalid",
        W.ENCODING,
        "broken UTF-8 in the first frame",
        HEAD,
        s.body(b'data: {"\xff\xfe": \xc3}\n\n'),
        s.end,
    ),
    _whole("utf8-cut", W.ENCODING, "characters cut anywhere", *TO_TEXT, s.bytewise, s.finish("stop"), *ENDING),
    _whole(
        "separators", W.ENCODING, "U+2028 and its like, raw", *TO_TEXT, s.say(s.SEPARATORS), s.finish("stop"), *ENDING
    ),
    _whole("bom", W.ENCODING, "a byte order mark first", HEAD, s.body(b"\xef\xbb\xbf"), *ANSWER),
    _whole("cr", W.ENCODING, "lines ended by CR", HEAD, s.newline(b"\r"), *ANSWER),
    _whole("crlf", W.ENCODING, "lines ended by CR LF", HEAD, s.newline(b"\r\n"), *ANSWER),
    _whole("gzip", W.ENCODING, "compressed", s.zipped_head, *ANSWER),
    _whole("empty-events", W.ENCODING, "100,000 empty events", HEAD, s.body(b"\n\n" * 1000, 100), *ANSWER),
    _fails("gzip-cut", W.ENCODING, "compressed bytes, cut", s.half_zipped, s.end),
    _fails(
        "gzip-not", W.ENCODING, "said to be compressed, is not", s.head(("content-encoding", "gzip")), s.start, s.end
    ),
    _fails("gzip-bomb", W.ENCODING, "1 GB of zeros, compressed", s.head(("content-encoding", "gzip")), s.bomb, s.end),
    _fails("long-line", W.ENCODING, "one line of 50 MB", HEAD, s.body(b"data: "), s.body(b"x" * 1_000_000, 50), s.end),
    _fails(
        "deep-json", W.ENCODING, "JSON nested 100,000 deep", HEAD, s.body(b"data: " + b"[" * 100_000 + b"\n\n"), s.end
    ),
    _fails(
        "huge-number", W.ENCODING, "a number of 10,000 digits", HEAD, s.body(b"data: " + b"9" * 10_000 + b"\n\n"), s.end
    ),
    _whole(
        "lone-surrogate", W.ENCODING, "half a surrogate pair", *TO_TOKEN, s.say("\ud83d"), s.finish("stop"), *ENDING
    ),
    _whole("continues", W.MEANING, "goes on from the words that it is to repeat", *TO_TEXT, s.go_on, *REST[1:]),
    _fails("empty", W.MEANING, "the role and finish stop, no content", *TO_TEXT, s.finish("stop"), *ENDING),
    _fails("whitespace", W.MEANING, "blanks only", *TO_TEXT, s.say(s.BLANK), s.finish("stop"), *ENDING),
    _fails("thinking-only", W.MEANING, "reasoning only", *TO_TEXT, s.think, s.finish("stop"), *ENDING),
    _fails("length", W.MEANING, "cut by the length limit", *TO_TOKEN, s.finish("length"), *ENDING),
    _fails("filter", W.MEANING, "finish content_filter, no content", *TO_TEXT, s.finish("content_filter"), *ENDING),
    _fails(
        "token-filter", W.MEANING, "a word, then finish content_filter", *TO_TOKEN, s.finish("content_filter"), *ENDING
    ),
    _fails("refusal", W.MEANING, "a refusal in words", *TO_TEXT, s.refuse, s.finish("refusal"), *ENDING),
    _fails("cancelled", W.MEANING, "a word, then a state that is no end", *TO_TOKEN, s.finish("cancelled"), *ENDING),
    _fails("unheard-of", W.MEANING, "a word, then a finish that nobody knows", *TO_TOKEN, s.finish("zonked"), *ENDING),
    _whole(
        "commentary", W.MEANING, "commentary in a message of its own, then the answer", *TO_TEXT, s.comment, *ANSWER[1:]
    ),
    _whole("tool-call", W.MEANING, "a tool call, no text", *TO_TEXT, s.call_tool, s.finish("tool_calls"), *ENDING),
)

HOSTILE_WAITS: Final = {
    "zero": "0",
    "negative": "-5",
    "past": "Thu, 01 Jan 1970 00:00:00 GMT",
    "nan": "nan",
    "infinite": "inf",
    "word": "soon",
    "30-days": "2592000",
    "huge": "9" * 400,
    "empty": "",
    "1s": "1",
    "3s": "3",
}
"""Values of Retry-After, by the name of their fault: `429-wait-NAME`."""

CODED: Final = (
    ("quota", 429, "You exceeded your current quota.", "insufficient_quota"),
    ("rate-limit", 429, "Rate limit reached.", "rate_limit_exceeded"),
    ("context", 400, "This model's maximum context length is 8 tokens.", "context_length_exceeded"),
    ("bad-key", 401, "Incorrect API key provided.", "invalid_api_key"),
    ("no-model", 404, "The model does not exist.", "model_not_found"),
    ("bad-input", 400, "messages.0.content: must not be empty.", "invalid_value"),
)
"""Errors by their code: name, status, message, code."""


def _statuses() -> Iterator[Fault]:
    for status in range(400, 600):
        yield _fails(str(status), W.STATUS, f"status {status}", doc.error(status))
        for form in doc.STATUS_BODIES:
            yield _fails(f"{status}-{form}", W.STATUS, f"status {status}, body {form}", doc.status_body(status, form))
    for name, status, message, code in CODED:
        yield _fails(name, W.STATUS, message, doc.error(status, message, code))
    for name, value in HOSTILE_WAITS.items():
        step = doc.error(429, "Rate limit reached.", "rate_limit_exceeded", (("retry-after", value),))
        yield _fails(f"429-wait-{name}", W.STATUS, f"429 with Retry-After {value[:40]!r}", step)
    policy = doc.error(403, "The provider has declined.", "403", type_at_openrouter="content_policy_violation")
    yield _fails("policy", W.STATUS, "403 whose type at OpenRouter is a policy's stop", policy)
    busy = doc.error(503, "The model is overloaded.", "overloaded", (("retry-after", "3"),))
    yield _fails("503-wait-3s", W.STATUS, "503 with Retry-After 3", busy)
    yield _fails("key-in-message", W.STATUS, "401 with the key and escape sequences in the message", doc.key_in_error)


def _redirects() -> Iterator[Fault]:
    for status in (300, 301, 302, 303, 304, 307, 308):
        yield _fails(f"{status}-away", W.REDIRECT, f"{status} to another origin", doc.redirect(status, away=True))
        yield _fails(f"{status}-here", W.REDIRECT, f"{status} on this server", doc.redirect(status, away=False))


FAULTS: Final = {fault.name: fault for fault in (*_ROWS, *_statuses(), *_redirects())}
