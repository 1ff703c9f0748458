"""The table of blame: what makes a failure one of a kind. The first matching row decides.

A row asks for a status, for one of several codes and for one of several phrases; an empty column
asks for nothing. Unmistakable codes come first. Then come phrases, which say more than their
status: spent credit is a 402, but also a 403, a 429 or a 500. Then the status, and last the codes
that are only believed without one: in an error inside a 200.

A new vendor adds a code or a phrase, and nothing else changes. Phrases are in lower case; an
asterisk matches anything.
"""

from __future__ import annotations

from itertools import product
from typing import Final, NamedTuple

from fallback_chat.core.errors import STATUSES_OF_KIND, ErrorKind
from fallback_chat.providers.failures.codes import CANONICAL, DECISIVE, SOFT

K = ErrorKind

IN_A_200: Final = None
"""The status of an error inside a 200 that names none."""


class Row(NamedTuple):
    """A kind of failure and its marks; `words` and `hint` replace those of the kind."""

    kind: ErrorKind
    statuses: frozenset[int | None] | None = None
    """None matches any."""
    codes: frozenset[str] = frozenset()
    says: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    """Phrases that rule it out."""
    words: str | None = None
    hint: str | None = None
    names_wait: bool = True
    """Whether the wait in the error is true. Google also names seconds for a daily quota."""


def _says(kind: ErrorKind, *phrases: str, at: tuple[int | None, ...], unless: tuple[str, ...] = ()) -> Row:
    return Row(kind, frozenset(at), says=phrases, unless=unless)


def _coded(table: dict[ErrorKind, tuple[str, ...]], *, at: tuple[int | None, ...] | None = None) -> tuple[Row, ...]:
    statuses = None if at is None else frozenset(at)
    return tuple(Row(kind, statuses, codes=frozenset(codes)) for kind, codes in table.items())


_REJECTED: Final = (400, 413, 422)
_FAILED: Final = (500, IN_A_200)
_RELAYED: Final = (*_FAILED, 502, 503)
"""Also the statuses under which gateways pass on a failure of the server behind them."""
_WITHOUT_CREDIT: Final = (400, 401, 402, 403, 412, 429, 500, 503, IN_A_200)

_BY_NUMBERS: Final = (
    Row(K.RATE_LIMITED, codes=frozenset({"openrouter_in_flight_budget"})),
    Row(K.CONTENT_FILTER, frozenset({403}), codes=frozenset({"openrouter:moderated"})),
    # Waiting does not help a request that exceeds the limit by itself.
    Row(K.TOO_LARGE, frozenset({413, 429}), codes=frozenset({"more_than_the_limit"})),
    # Google's own sentence is unreliable: a limit per minute mentions plan and billing, too.
    Row(K.QUOTA_EXHAUSTED, frozenset({429, IN_A_200}), codes=frozenset({"quota_per_day"}), names_wait=False),
    Row(K.OVERLOADED, frozenset({429, IN_A_200}), codes=frozenset({"model_capacity_exhausted"})),
    Row(K.QUOTA_EXHAUSTED, frozenset({429}), says=("limit: 0,", "limit: 0 ", "limit: 0."), names_wait=False),
    _says(K.QUOTA_EXHAUSTED, "credits are depleted", "spending cap", at=(429, IN_A_200)),
    _says(K.RATE_LIMITED, "exceeded your current quota*retry in", "allocated quota exceeded", at=(429, IN_A_200)),
    _says(K.RATE_LIMITED, "exceeded your current quota*resource_exhausted", at=(429, IN_A_200)),
)

BLUNDERS: Final = (
    "failed to call a function", "tool call validation failed", "attempted to call tool", "model called a tool",
    "output that could not be parsed", "produced invalid content", "failed to parse tool call", "failed to parse input at pos",
    "tool_use_failed", "output_parse_failed",
)  # fmt: skip
"""Phrases about a mistake of the model, which Groq and llama.cpp report like one in the request."""

_FILTERS: Final = (
    _says(
        K.CONTENT_FILTER,
        "content exists risk",  # DeepSeek
        "inappropriate content",  # DashScope
        "content management policy",  # Azure
        "content policy", "content filter", "content_filter", "contentpolicyviolation",
        "safety system", "safety reasons", "safety filter", "safety policy", "safety check",
        "sensitive content", "sensitivecontent", "new_sensitive", "unsafe or", "sensitive words",
        "usage policy", "usage policies", "prohibited content", "prohibited_content", "prohibited use",
        "guardrail", "prompt blocked", "response blocked", "request blocked", "content blocked", "blocked by*security",
        "blocked entity", "policy violation", "violates our", "usage guidelines", "harmful content", "unsafe content",
        "unsafe prompt", "jailbreak", "prompt injection", "flagged", "moderation", "considered high risk", "potentially harmful",
        "acceptable use", "filtered due to", "敏感内容",
        at=(400, 422, 451, *_FAILED),
    ),
    _says(
        K.CONTENT_FILTER,
        "flagged by", "requires moderation", "sensitive information", "content policy", "content filter", "guardrail",
        "safety filter", "usage guidelines",
        at=(403,),
    ),
    _says(K.CONTENT_FILTER, "content", "prompt", "censor", at=(451,)),
)  # fmt: skip

_KEYS: Final = (
    # LiteLLM calls everything about a key an error of its login, the key's budget included.
    _says(K.QUOTA_EXHAUSTED, "tokenbudget", "max budget", at=(400, 401, 403)),
    Row(K.AUTH, codes=frozenset({"auth_error"})),
    _says(
        K.AUTH,
        "incorrect api key", "invalid api key", "invalid api-key", "invalid_api_key", "missing api key", "no api key",
        "api key not valid", "api key is not valid", "api key is invalid", "api key expired", "api key has expired",
        "invalid access token", "token expired", "token has expired", "invalid authentication", "authentication failed",
        "authentication error", "login fail", "not authenticated", "authentication required", "invalid token", "invalid bearer",
        "invalid credentials", "not validate credentials", "reported as leaked", "revoked", "api key not found", "security token",
        "request signature", "access token invalid", "unauthenticated", "认证失败", "鉴权失败", "密钥无效", "无效的令牌",
        at=(400, 403, *_FAILED),
    ),
    _says(K.AUTH, "unauthorized", "api key invalid", at=(IN_A_200,)),
    Row(
        K.PERMISSION,
        frozenset({403, 503}),
        says=(
            "page: just a moment", "page: attention required", "have been blocked", "error code: 10",  # Cloudflare
            "page: access denied",  # Akamai
            "page: request rejected",  # F5
            "incapsula incident", "zscaler", "web filter",
        ),
        words="is behind a firewall that turned the request away",
        hint="try another network or VPN exit; the key is not to blame",
    ),
    _says(K.PERMISSION, "insufficient permissions", "missing scopes", "lacks the required", at=(401,)),
    _says(
        K.PERMISSION,
        "must be verified", "terms acceptance", "agreed to*terms", "not activated the model", "location is not supported",
        "country, region, or territory", "not available in your", "has not been enabled", "is not enabled for",
        "has been disabled", "has been deactivated", "has been suspended", "matching your data policy", "and data policy",
        "operation not allowed", "plan does not*include",
        at=(400, 403, 404, 429),
        unless=("not enabled for models/",),  # Google: a feature that the model lacks
    ),
)  # fmt: skip

_MODELS: Final = (
    _says(
        K.MODEL_NOT_FOUND,
        "invalid model name", "is not a valid model", "not a valid model", "no such model", "unknown model", "invalid model:",
        "model does not exist", "model*does not exist", "model*not found", "models/*is not found", "not found the model",
        "could not find model", "model identifier is invalid", "requested model*is not supported", "model not exist",
        "model*supported by provider", "model*supported for provider",  # Hugging Face
        "unable to access*model", "server is pinned to",  # transformers
        "has been decommissioned", "has been deprecated", "has been retired", "has reached its end of life",
        "model*is no longer", "is no longer available", "model*is not available", "model*has been removed", "unavailable model",
        "find suitable handler", "find real modelid",  # llama-swap
        "does not support chat", "not work with the specified model",
        "on-demand throughput", "llm provider not provided", "模型不存在",
        at=(400, 403, 422, 500, IN_A_200),
        unless=("tool", " file", "file_", "signature"),
    ),
    Row(
        K.MODEL_NOT_FOUND,
        frozenset({400, 404, 500, IN_A_200}),
        says=(
            "no models loaded", "no model loaded", "no model is loaded", "model unloaded", "model was unloaded",
            "model is not loaded", "model is unloaded",
        ),
        words="has no model loaded", hint="load the model in that server",
    ),
)  # fmt: skip

_CREDIT: Final = (
    _says(
        K.QUOTA_EXHAUSTED,
        "insufficient balance", "insufficient credit", "insufficient fund", "insufficient quota", "insufficient_balance",
        "insufficient account balance", "balance is insufficient", "balance is not enough", "not enough balance",
        "not enough credit", "out of credit", "out of funds", "credits have been exhausted", "usable credits",
        "all available credits", "credits expired", "credit balance", "credit limit exceeded", "exceeded your monthly",
        "monthly included credits",
        "spending limit", "spend limit", "spend alert", "usage limit", "usage quota", "billing cycle", "weekly limit",
        "monthly limit", "monthly request limit", "monthly token limit", "weekly/monthly limit", "daily free allocation",
        "daily limit", "daily quota", "hard limit", "add credits", "negative balance", "balance is negative", "unpaid",
        "free tier*exhausted", "free*quota*exhausted",
        "free-models-per-day", "exhausted your*quota", "quota has been exhausted", "quota exhausted", "in arrears",
        "account*overdue", "bill*overdue", "good standing", "recharge", " top up", "budget has been exceeded", "budget exceeded",
        "over budget", "exceeded*budget", "subscription*expired", "plan*expired", "inactive subscription", "membership benefits",
        "call volume quota", "daily request limit", "for the month", "for this month", "of extra usage", "your extra usage",
        "request allowance", "more credits", "used up your", "purchase a subscription", "credit card", "dunning",
        "prepayment credits", "key limit exceeded", "free tier limit", "payment method", "outstanding balance", "past due",
        "enable billing", "placed on hold", "organization*on hold", "account*on hold", "余额不足",
        "额度不足", "额度已用", "额度失败", "配额不足", "配额已用", "欠费", "充值", "使用上限", "用量上限",
        at=_WITHOUT_CREDIT,
        unless=("per min", "per second"),
    ),
    _says(K.QUOTA_EXHAUSTED, "exceeded your current quota", at=(402, 403, 429, IN_A_200)),
    _says(K.QUOTA_EXHAUSTED, "calls / month", "calls per month", "requests per month", "tokens per month", at=(403, 429)),
    _says(K.QUOTA_EXHAUSTED, "quota exceeded", "exceeded*quota", at=(403, IN_A_200), unless=("per min", "per second")),
)  # fmt: skip

_WINDOW: Final = (
    "context window", "context length", "context limit", "context size", "max_seq_len", "max_model_len", "max_position",
    "maximum model length", "model token limit", "maximum prompt length", "max prompt length", "maximum input length",
    "max input length", "n_ctx", "sequence length", "model's context", "context budget", "上下文", "输入长度",
)  # fmt: skip
_OVER: Final = (
    "exceed", "longer than", "larger than", "greater than", "more than", "overflow", "too long for", "too large for", "less than",
    "超过", "超出", "过长",
)  # fmt: skip
_SUBJECTS: Final = ("prompt", "input", "inputs", "messages", "conversation", "history", "token count", "total tokens")

_OVERFLOW: Final = (
    # An account's limit per request or per minute says nothing about the model.
    _says(
        K.TOO_LARGE,
        "per minute", "per-minute", "(tpm)", "body too large", "entity too large", "payload too large", "max size",
        at=(413,),
    ),
    _says(K.TOO_LARGE, "long context request", "long context beta", at=(400, 403, 429)),  # Anthropic's plans
    _says(K.TIMEOUT, "context deadline exceeded", at=(400, *_RELAYED)),  # Go's phrase for a time-out
    # What the input leaves for the answer, or both together: not the fault of the answer's limit.
    _says(K.CONTEXT_EXCEEDED, "must be at least 1, got -", "`inputs` tokens +", at=_REJECTED),
    # The limit of the answer, which can be left out.
    _says(K.BAD_REQUEST, "param:max_", "_tokens*is too large", "max_tokens*cannot exceed", at=_REJECTED),
    _says(
        K.CONTEXT_EXCEEDED,
        *(f"{over}*{window}" for over, window in product(_OVER, _WINDOW)),
        *(f"{window}*{more}" for window, more in product(_WINDOW, ("exceed", "you requested", "超过", "超出", "过长"))),
        *(f"tokens*but*{window}" for window in _WINDOW),
        "maximum context length", "prompt is too long", "prompt too long", "input is too long", "input too long",
        "messages is too long", "messages are too long", "conversation is too long", "contextwindowexceeded",
        "context the overflows", "tokens to keep from the initial prompt", "context length currently available",
        "input token*exceed", "token count*exceeds the limit", "input token count*only supports", "token limit exceeded",
        "exceeded max context", "exceeds max length", "maximum prompt length is", "too many tokens", "too many input tokens",
        "reduce the length of", "reduce your prompt", "length of all messages", "range of input length", "does not fit*context",
        "`inputs` must have less", ">= n_ctx", "max input characters", "prompt 超长", "压缩上下文", "上下文长度限制",
        "max message tokens", "max tokens of*exceeded", "too large to process", "context shift",
        "tokens in the prompt exceed", "than max tokens allowed", "input tokens*larger than",
        at=(*_REJECTED, *_RELAYED),
    ),
    _says(K.CONTEXT_EXCEEDED, "must be less than the context length", at=(403,)),  # Together
    _says(
        K.CONTEXT_EXCEEDED,
        *(
            f"{subject}*{over}*{measure}"
            for subject, over, measure in product(
                _SUBJECTS, ("too long", "too large", "too many", "exceed", "longer than"), ("token", "length", "model")
            )
        ),
        at=_REJECTED,
        unless=("max_tokens", "completion", "output", "image", "tool", "stop", "picture", "audio", "video", "file", "string"),
    ),
)  # fmt: skip

_BEHIND: Final = {429: K.RATE_LIMITED, 402: K.QUOTA_EXHAUSTED, 503: K.OVERLOADED, 529: K.OVERLOADED}
"""Statuses of a server behind a gateway, which may be all that the gateway says of it."""

_CAPACITY: Final = (
    _says(
        K.OVERLOADED,
        "overloaded", "no capacity", "out of capacity", "over capacity", "at capacity", "capacity temporarily", "capacity exceeded",
        "high traffic", "high demand", "heavy load", "too busy", "is busy", "server busy", "currently loading", "model is loading",
        "queue is full", "queue full", "queue_exceeded", "currently unavailable", "temporarily unavailable",
        "no more data centers", "no healthy upstream", "no deployments available", "temporarily unable", "slot unavailable",
        "scaled up", "scaling up", "访问量过大", "繁忙", "负载",
        at=(425, 429, 502, *_FAILED),
    ),
    _says(K.SERVER_ERROR, "has crashed", "failed to load model", "out of memory", "channel error", "degraded function", at=(400,)),
    # The chat template rejects the conversation, or the model takes no pictures.
    _says(
        K.BAD_REQUEST,
        "jinja", "raise_exception(", "must alternate", "input is not supported", "system message must be", "system role",
        "unsupported param",
        at=_FAILED,
    ),
    _says(K.TIMEOUT, "timed out", "time-out", "time out", "timeout", at=_FAILED),
    _says(K.BAD_REQUEST, "client specified an invalid argument", at=(IN_A_200,)),  # xAI
    _says(
        K.RATE_LIMITED,
        "rate limit", "rate-limit", "too many requests", "resource has been exhausted", "resource_exhausted", "throttling",
        "qps", "cooling down", "频繁", "频率",
        at=(400, *_FAILED),
    ),
    *(Row(kind, frozenset(_RELAYED), codes=frozenset({f"behind:{status}"})) for status, kind in _BEHIND.items()),
)  # fmt: skip

_MODEL_OR_ROUTE: Final = STATUSES_OF_KIND[K.MODEL_NOT_FOUND]
_NAMES_MODEL: Final = (
    "model `", "model '", 'model "', "model:", "the model ", "this model", "model *does not exist", "model *not found",
    "models/*not found", "deployment", "no endpoints found", "entity was not found.", "not a valid model",
)  # fmt: skip

NO_SUCH_ADDRESS: Final = Row(
    K.MODEL_NOT_FOUND,
    frozenset(_MODEL_OR_ROUTE),
    words="has no such address, or no such model",
    hint="check base_url, then `model`, in fallback.toml",
)
"""The pages of nginx, FastAPI, Go, Spring, Azure and LM Studio mean a path; others mean a model."""

_BY_STATUS: Final = (
    # OpenRouter: of the servers that have the model, none has the feature.
    _says(K.BAD_REQUEST, "no endpoints found that", at=_MODEL_OR_ROUTE),
    _says(K.MODEL_NOT_FOUND, *_NAMES_MODEL, at=_MODEL_OR_ROUTE),
    NO_SUCH_ADDRESS,
    NO_SUCH_ADDRESS._replace(statuses=frozenset({400}), says=("no route for",)),
    Row(
        K.CONNECTION,
        frozenset({407}),
        words="cannot be reached: the proxy in between asks for a login",
        hint='write it into the proxy\'s address, or proxy = "none"',
    ),
    Row(
        K.CONNECTION,
        frozenset({511}),
        words="cannot be reached: this network asks for a login",
        hint="log in with a browser",
    ),
    *(Row(kind, frozenset(statuses)) for kind, statuses in STATUSES_OF_KIND.items()),
    Row(K.BAD_REQUEST, frozenset(range(400, 500))),
    Row(K.SERVER_ERROR, frozenset(range(500, 600))),
)

_RATES, _SOFT = (
    tuple(row for row in _coded(SOFT, at=(IN_A_200,)) if (row.kind is K.RATE_LIMITED) is rates)
    for rates in (True, False)
)
"""A code for a rate outweighs its sentence, which mentions many tokens, too."""

ROWS: Final = (
    *_coded(CANONICAL),
    *_coded(DECISIVE),
    *_BY_NUMBERS,
    *_RATES,
    _says(K.BAD_REQUEST, *BLUNDERS, at=(*_REJECTED, *_FAILED))._replace(words="could not read what its model wrote"),
    *_FILTERS,
    *_KEYS,
    *_MODELS,
    *_CREDIT,
    *_OVERFLOW,
    *_CAPACITY,
    *_BY_STATUS,
    *_SOFT,
    Row(K.SERVER_ERROR),
)
