"""Whose fault a failure is, by what vendors and gateways really say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fallback_chat.core.errors import ErrorKind
from fallback_chat.providers.failures.blame import blame
from fallback_chat.providers.failures.input import blames_input
from fallback_chat.providers.failures.reader import ServerFailure, parse_failure
from fallback_chat.providers.failures.rows import ROWS, Row

K = ErrorKind


def kind_of(status: int | None, body: Any) -> ErrorKind:
    return blame(parse_failure(status, body if isinstance(body, str) else json.dumps(body))).kind


def said(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


SPECIAL = {
    "openrouter:moderated": ServerFailure(body={"metadata": {"reasons": ["violence"]}}),
    "quota_per_day": ServerFailure(body={"details": [{"violations": [{"quotaId": "RequestsPerDay"}]}]}),
    "more_than_the_limit": ServerFailure("Request too large: Limit 5, Requested 9"),
}


def with_code(code: str) -> ServerFailure:
    if code in SPECIAL:
        return SPECIAL[code]
    if code.startswith("behind:"):
        return ServerFailure(f"the upstream answered with status {code[7:]}")
    canonical = code.removeprefix("openrouter:")
    return (
        ServerFailure(code=code) if canonical == code else ServerFailure(body={"metadata": {"error_type": canonical}})
    )


def failures_of(row: Row) -> list[ServerFailure]:
    """Give a failure for each word that `row` asks for, with each of its statuses."""
    spoken = [ServerFailure(phrase.replace("*", " … ")) for phrase in row.says]
    words = spoken or [with_code(code) for code in sorted(row.codes)]
    return [failure._replace(status=status) for failure in words for status in row.statuses or {400, 429, 500}]


def test_no_row_is_hidden_by_one_before_it() -> None:
    hidden = [
        (failure.message or failure.code or failure.body, failure.status, row.kind, blame(failure).kind)
        for row in ROWS
        for failure in failures_of(row)
        if blame(failure).kind is not row.kind
    ]
    assert hidden == []


def test_phrases_and_codes_are_in_lower_case() -> None:
    for row in ROWS:
        for word in (*row.codes, *row.says, *row.unless):
            assert word == word.lower()


OVERFLOWS = [
    # sglang, Perplexity, LiteLLM, LM Studio (three ages), DashScope, llama.cpp (two ages)
    "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
    "Requested token count exceeds the model's maximum context length of 4096 tokens.",
    "The total length of all messages is too long.",
    "litellm.ContextWindowExceededError: Context Window exceeded for given call.",
    "Trying to keep the first 5000 tokens when context the overflows.",
    "The number of tokens to keep from the initial prompt is greater than the context length.",
    "Range of input length should be [1, 30720]",
    "the request exceeds the available context size",
    # vLLM, TGI, Together, Fireworks, SiliconFlow, llama-cpp-python, TabbyAPI
    "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
    "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000",
    "The prompt is too long: 300000, model maximum context length: 131071",
    "length of prompt_tokens (9000) must be less than max_seq_len (8192)",
    "Requested tokens (5136) exceed context window of 4096",
    "Prompt length 5000 is greater than max_seq_len 4096",
    # OpenAI, Google (two APIs), Anthropic, Mistral, xAI, Groq, Moonshot, Cohere, Bedrock, Cloudflare, Copilot, MiniMax, z.ai
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "Unable to submit request because the input token count is 1500000 but model only supports up to 1048576.",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "Prompt contains 140000 tokens, too large for model with 131072 maximum context length",
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens",
    "Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192",
    "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)",
    "too many tokens: total number of tokens in the prompt cannot exceed 4081",
    "Input is too long for requested model.",
    "The estimated number of input and maximum output tokens (9000) exceeded this model context window limit (8192).",
    "prompt token count of 140000 exceeds the limit of 128000",
    "invalid params, context window exceeds limit (2013)",
    "Prompt exceeds max length",
    # llama.cpp by its own word, Volcengine, Zhipu, GitHub Models, transformers
    "prompt tokens (40000) exceed n_ctx (32768)",
    "the prompt has 40000 tokens, but n_ctx is 32768",
    "Total tokens of image and text exceed max message tokens",
    "模型输入长度超过限制",
    "输入内容超过模型上下文长度限制",
    "Request too large for the model's context: 300000 > 262144",
    "sequence length 40000 is longer than the maximum sequence length 32768",
    # vLLM (what the prompt leaves), LM Studio, SambaNova, Baidu, TGI
    "max_tokens must be at least 1, got -904.",
    "Cannot truncate prompt with n_keep (5000) >= n_ctx (4096)",
    "16000 tokens in all, but the maximum supported sequence length is just 8192!",
    "the max input characters is 20480",
    # New API and its relatives, tenstorrent, ZenMux, Cohere, LiteLLM's router
    "上下文过长",
    "上下文长度超出模型最大限制",
    "超出最大上下文长度",
    "请压缩上下文后重试",
    "输入长度超过模型上限",
    "Prompt exceeds maximum input sequence length (51200 tokens): prompt_tokens=52113",
    "Model context window is 128k tokens, you requested 256k tokens",
    "Prompt has 5000 tokens, but the configured context size is 4096 tokens",
    "total tokens exceeds the model's maximum limit of 4096",
    "input length would exceed context budget for this model",
    "Prompt too large for this model",
    "tokens in request more than max tokens allowed",  # Z.ai
    "max tokens of 8192 exceeded",  # Snowflake
    "Input is too large to process. Either enable context shift or increase context length.",  # llama.cpp
    "context shift is disabled",
    # Words that nobody has sent yet
    "The number of tokens in the prompt exceeds the model's limit of 32768.",
    "The requested number of input tokens 50000 is larger than the model's maximum of 32768",
    "Your conversation has too many tokens for us",
    "The messages exceed what we allow: 9000 tokens",
]


@pytest.mark.parametrize("message", OVERFLOWS)
@pytest.mark.parametrize("status", [400, 413])
def test_an_overflow_is_known_in_everybodys_words(message: str, status: int) -> None:
    assert kind_of(status, said(message)) is K.CONTEXT_EXCEEDED


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_overflow_is_known_behind_a_gateway(status: int) -> None:
    behind = '{"error": {"message": "The prompt is too long: 140000, model maximum context length: 131071"}}'
    assert kind_of(status, said("Provider returned error", metadata={"raw": behind})) is K.CONTEXT_EXCEEDED


@pytest.mark.parametrize(
    "error",
    [
        {"message": "max_tokens must be at least 1, got -904.", "param": "max_tokens"},
        {
            "message": "`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000 `inputs` tokens",
            "param": "max_tokens",
        },
    ],
)
def test_an_input_that_leaves_no_room_is_not_the_fault_of_the_cap(error: dict[str, Any]) -> None:
    assert kind_of(422, {"error": error}) is K.CONTEXT_EXCEEDED


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (413, said("Request too large on tokens per minute (TPM): Limit 6000, Requested 9100.", code="rate_limit_exceeded")),
        (413, said("Request too large for model `m` on tokens per minute (TPM)")),
        (413, said("Request body too large for gpt model. Max size: 4000 tokens.", code="tokens_limit_reached")),
        (413, "<html><body>413 Request Entity Too Large</body></html>"),
        (413, {"type": "error", "error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}}),
        (413, ""),
        (429, said("Request too large for m: Limit 30000, Requested 45000.")),
        (400, said("Invalid 'messages[0].content': string too long.", code="string_above_max_length")),
        (429, said("Extra usage is required for long context requests.", type="rate_limit_error")),
    ],
)  # fmt: skip
def test_a_limit_on_one_request_is_no_word_on_the_window(status: int, body: Any) -> None:
    assert kind_of(status, body) is K.TOO_LARGE


NO_OVERFLOWS = [
    (400, said("max_tokens is too large: 99999, at most 16384 completion tokens here.", param="max_tokens"), K.BAD_REQUEST),
    (400, said("'max_tokens' is too large: 99999. This model's maximum context length is 4096 tokens"), K.BAD_REQUEST),
    (400, said("max_tokens (10000) cannot exceed 8192. Please reduce the length of max output tokens."), K.BAD_REQUEST),
    (400, said("Invalid 'stop': array too long. Expected a maximum length of 4.", param="stop"), K.BAD_REQUEST),
    (400, said("messages.0.content.1.image: image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes"), K.BAD_REQUEST),
    (500, said("rpc error: context deadline exceeded"), K.TIMEOUT),
    (429, said("too many tokens"), K.RATE_LIMITED),
    (400, said("temperature exceeds the model's limit of 1"), K.BAD_REQUEST),
    (400, said("the number of stop sequences exceeds the model's maximum of 4"), K.BAD_REQUEST),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind"), NO_OVERFLOWS)
def test_other_things_that_are_too_long_are_no_overflow(status: int, body: Any, kind: ErrorKind) -> None:
    assert kind_of(status, body) is kind


SPENT = [
    (403, {"code": "permission denied", "error": "You have run out of credits or need a Grok subscription."}),
    (429, {"code": "x", "error": "Your team has either used all available credits or reached its monthly spending limit."}),
    (500, {"type": "error", "error": {"type": "api_error", "message": "insufficient balance (1008)"}}),
    (None, {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}, "choices": None}),
    (429, {"error": "you have reached your weekly usage limit, please upgrade"}),
    (429, {"error": "you've reached your session usage limit"}),
    (429, said("Insufficient balance or no resource package. Please recharge.", code="1113")),
    (429, said("Usage limit reached for 5 hour. Your limit will reset at 2026-11-24 00:00:00", code="1308")),
    (429, said("已达到 5 小时的使用上限。您的限额将在 2026-11-24 07:41:44 重置。", code="1308")),
    (429, said("Your account is suspended, check your balance", type="exceeded_current_quota_error")),
    (403, said("You've reached your usage limit for this billing cycle.", type="access_terminated_error")),
    (402, said("Insufficient Balance", code="invalid_request_error")),
    (400, said("Access denied, please make sure your account is in good standing.", code="Arrearage")),
    (403, said("The free tier of the model has been exhausted.", code="AllocationQuota.FreeTierOnly")),
    (429, said("x", type="insufficient_quota", code="credit_balance_exhausted")),
    (429, said("Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 requests per day")),
    (429, {"errors": [{"code": 3036, "message": "You have used up your daily free allocation of 10,000 neurons."}]}),
    (400, said("Budget has been exceeded! Current cost: 5.1, Max budget: 5.0", type="budget_exceeded", code="400")),
    (400, said("API access blocked: spend limit reached", code="blocked_api_access")),
    (412, {"error": "Account a is suspended, possibly due to reaching the monthly spending limit"}),
    (429, said("Your prepayment credits are depleted.", status="RESOURCE_EXHAUSTED")),
    (429, said("m", type="usage_limit_reached", resets_in_seconds=7200)),
    (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}}),
    (403, {"code": 30001, "message": "Sorry, your account balance is insufficient", "data": None}),
    (403, said("x", code="AccountOverdueError")),
    (401, {"detail": "Inactive subscription or usage limit reached"}),
    (403, said("Key limit exceeded (daily limit). Manage it in the settings.", code=403)),
    (403, {"message": "Quota exceeded"}),
    (403, said("Billing hard limit has been reached")),
    (429, said("Daily limit reached. Upgrade your plan")),
    (403, said("Please add credits to your account to continue")),
    (429, said("Account balance is negative")),
    (403, said("Your account is suspended because of an unpaid invoice")),
    (403, {"statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 02:13:45."}),  # Azure
    (429, {"message": "Monthly request limit exceeded"}),  # Mistral
    (429, {"message": "You are using a Trial key, which is limited to 1000 API calls / month."}),  # Cohere
    (400, said("Authentication Error, ExceededTokenBudget: Current spend: 0.2; Max Budget for Token: 0.1", type="auth_error")),
    (403, said("用户额度不足, 剩余额度: $0.00", type="new_api_error", code="insufficient_user_quota")),
    (403, said("预扣费额度失败, 用户剩余额度: $0.01, 需要预扣费额度: $0.02", type="new_api_error")),
    (401, said("该令牌额度已用尽", type="new_api_error")),
    (500, said("bad response status code 402", type="upstream_error")),
    (400, said("You're out of extra usage. Add more at claude.ai/settings/usage and keep going.")),
    (403, said("This request requires more credits, or fewer max_tokens. You can only afford 1000.")),
    (403, said("You've used up your points! Visit https://poe.com/api/keys to get more.")),
    (403, said("No available asset for API access, please purchase a subscription")),
    (429, said("已达到套餐用量上限")),
    (400, said("No usable credits left on your account")),
    (429, said("You have exceeded your Copilot premium request allowance", code="quota_exceeded")),
    (403, said("You have run out of funds")),
    (403, {"errors": [{"code": "token_quota_reached", "message": "You have reached the token quota limit for the month"}]}),
    (403, said("AI Gateway requires a valid credit card on file", type="customer_verification_required")),  # Vercel
    (403, said("Lightning dunning decision is deny for project: p", status="PERMISSION_DENIED")),  # Google
    (None, {"error_code": 17, "error_msg": "Open api daily request limit reached"}),  # Baidu
    (None, said("quota exceeded")),
    (403, "您的配额不足"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), SPENT)
def test_spent_credit_is_known_under_any_status(status: int | None, body: Any) -> None:
    assert kind_of(status, body) is K.QUOTA_EXHAUSTED


BUSY = [
    (429, said("The engine is currently overloaded", type="engine_overloaded_error")),
    (429, {"message": "We're experiencing high traffic right now!", "type": "too_many_requests_error", "code": "queue_exceeded"}),
    (429, said("The service may be temporarily overloaded, please try again later", code="1305")),
    (429, said("m", type="service_tier_capacity_exceeded")),
    (429, {"errors": [{"code": 3040, "message": "AiError: Capacity temporarily exceeded, please try again."}]}),
    (429, {"error": "Model is overloaded", "error_type": "overloaded"}),
    (429, said("No capacity", status="RESOURCE_EXHAUSTED", details=[{"reason": "MODEL_CAPACITY_EXHAUSTED"}])),
    (503, {"error": "Model m is currently loading", "estimated_time": 20.0}),
    (500, {"error": "server busy, please try again. maximum pending requests exceeded"}),
    (429, said("We are under heavy load, please try again later")),
    (500, {"code": 50000, "message": "服务器繁忙"}),
    (500, said("no healthy upstream")),
    (498, said("Flex tier capacity exceeded.", type="capacity_exceeded")),
    (None, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    (502, said("Provider returned error", metadata={"raw": '{"error": {"message": "Overloaded"}}'})),
    (502, said("The upstream model is at capacity")),
    (500, said("slot unavailable", type="unavailable_error")),  # llama.cpp
    (425, said("model is being scaled up from zero, please retry", code="DEPLOYMENT_SCALING_UP")),  # Fireworks
    (429, said("The service is temporarily unable to process your request.", code="NoCapacity")),  # Azure
    (429, said("当前分组上游负载已饱和", type="upstream_error")),  # New API
    (500, said("Error code: 529 - {'type': 'error'}")),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), BUSY)
def test_overload_is_not_the_users_rate(status: int | None, body: Any) -> None:
    assert kind_of(status, body) is K.OVERLOADED


FILTERED = [
    (400, said("Content Exists Risk", type="invalid_request_error", code="invalid_request_error")),
    (400, said("Inappropriate content.", code="data_inspection_failed", type="data_inspection_failed")),
    (400, said("Output data may contain inappropriate content.", code="DataInspectionFailed")),
    (400, said("Prompt stopped by the content management policy.", code="content_filter")),
    (400, said("System detected potentially unsafe or sensitive content in input or generation.", code="1301")),
    (500, said("input new_sensitive (1026)", type="api_error")),
    (400, said("{'error': 'Violated guardrail policy', 'bedrock_guardrail_response': 'no'}", type="None", code="400")),
    (400, said("litellm.ContentPolicyViolationError: your prompt was rejected", code="400")),
    (400, said("The request was rejected because it was considered high risk", type="content_filter")),
    (400, {"errors": [{"code": 2016, "message": "Prompt blocked due to security configurations"}]}),
    (403, said("Input was flagged", code=403, metadata={"reasons": ["violence"]})),
    (403, said("stopped", code=403, metadata={"error_type": "content_policy_violation"})),
    (400, said("x", code="SensitiveContentDetected.PolicyViolation")),
    (403, said("The input text may contain sensitive information.", code="SensitiveContentDetected")),  # Volcengine
    (403, {"code": "The caller does not have permission", "error": "Content violates usage guidelines. Failed check: X"}),
    (400, said("Jailbreak attempt detected", type="None", code="400")),
    (400, {"error": "BlockedPiiEntityError: Blocked entity detected: EMAIL"}),
    (400, said("Input blocked: potentially harmful")),
    (422, said("The prompt is against our acceptable use policy")),
    (400, said("Filtering Module - Input Filter: Prompt filtered due to safety violations.")),  # SAP AI Core
    (None, said("x", code="bio_policy")),
    (None, said("x", code="misalignment_policy_violation")),
    (None, said("x", code="image_content_policy_violation")),
    (451, said("The content you provided or machine outputted is blocked.", type="censorship_blocked")),  # StepFun
]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), FILTERED)
def test_a_filter_is_known_under_any_status(status: int | None, body: Any) -> None:
    assert kind_of(status, body) is K.CONTENT_FILTER


NOT_FILTERED = [
    (403, said("Your account has been disabled for violating our usage policies.")),
    (403, said("Your team has no credits left or the key is blocked.")),
]


@pytest.mark.parametrize(("status", "body"), NOT_FILTERED)
def test_a_closed_account_stays_a_matter_of_permission(status: int, body: Any) -> None:
    assert kind_of(status, body) is K.PERMISSION


CANONICAL = {
    "context_length_exceeded": K.CONTEXT_EXCEEDED,
    "max_tokens_exceeded": K.BAD_REQUEST,
    "token_limit_exceeded": K.TOO_LARGE,
    "string_too_long": K.TOO_LARGE,
    "authentication": K.AUTH,
    "permission_denied": K.PERMISSION,
    "payment_required": K.QUOTA_EXHAUSTED,
    "rate_limit_exceeded": K.RATE_LIMITED,
    "provider_overloaded": K.OVERLOADED,
    "provider_unavailable": K.OVERLOADED,
    "invalid_request": K.BAD_REQUEST,
    "invalid_prompt": K.BAD_REQUEST,
    "not_found": K.MODEL_NOT_FOUND,
    "precondition_failed": K.BAD_REQUEST,
    "payload_too_large": K.TOO_LARGE,
    "unprocessable": K.BAD_REQUEST,
    "content_policy_violation": K.CONTENT_FILTER,
    "refusal": K.REFUSAL,
    "invalid_image": K.BAD_REQUEST,
    "image_too_large": K.TOO_LARGE,
    "image_too_small": K.BAD_REQUEST,
    "unsupported_image_format": K.BAD_REQUEST,
    "image_not_found": K.BAD_REQUEST,
    "image_download_failed": K.BAD_REQUEST,
    "server": K.SERVER_ERROR,
    "timeout": K.TIMEOUT,
    "unmapped": K.SERVER_ERROR,
}


@pytest.mark.parametrize("word", CANONICAL)
def test_openrouters_canonical_words_are_known(word: str) -> None:
    event = {"error": {"code": "x", "message": "m", "metadata": {"error_type": word}}}
    assert kind_of(None, event) is CANONICAL[word]


@pytest.mark.parametrize("word", ["content_policy_violation", "context_length_exceeded", "provider_overloaded"])
@pytest.mark.parametrize("status", [400, 403, 502])
def test_a_canonical_word_counts_more_than_the_status(word: str, status: int) -> None:
    assert kind_of(status, said("m", code=status, metadata={"error_type": word})) is CANONICAL[word]


def test_a_vague_canonical_word_leaves_the_word_to_the_server_behind_it() -> None:
    behind = '{"error": {"message": "prompt is too long: 2100 tokens > 2000 maximum"}}'
    body = said("Provider returned error", code=400, metadata={"error_type": "invalid_request", "raw": behind})
    assert kind_of(400, body) is K.CONTEXT_EXCEEDED


ROUTES = [
    {"error": "Unexpected endpoint or method. (POST /api/chat/completions)"},  # LM Studio
    {"detail": "Not Found"},  # FastAPI
    "404 page not found",  # Go
    "<html><head><title>404 Not Found</title></head><body>nginx</body></html>",
    {"error": {"code": "404", "message": "Resource not found"}},  # Azure
    {"timestamp": "t", "status": 404, "error": "Not Found", "path": "/v1/chat/completions"},  # Spring
    "<!DOCTYPE html><html><head><title>Error</title></head><body><pre>Cannot POST /v1/chat</pre></body></html>",  # Express
    {"message": "no Route matched with those values"},  # Kong
    {"success": False, "errors": [{"code": 7003, "message": "Could not route to /x, perhaps your object identifier is invalid?"}]},
    {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}},  # llama.cpp
    {"type": "error", "error": {"type": "not_found_error", "message": "Not Found"}},  # Anthropic
    {"code": "Some requested entity was not found", "error": "No handler found on route."},  # xAI
    "<!doctypehtml><html><title>405</title><body></body></html>",  # Alibaba
    "",
]  # fmt: skip


@pytest.mark.parametrize("body", ROUTES)
@pytest.mark.parametrize("status", [404, 405])
def test_a_route_that_is_not_there_is_not_blamed_on_the_model_alone(body: Any, status: int) -> None:
    row = blame(parse_failure(status, body if isinstance(body, str) else json.dumps(body)))
    assert (row.kind, row.words) == (K.MODEL_NOT_FOUND, "has no such address, or no such model")
    assert row.hint == "check base_url, then `model`, in fallback.toml"


@pytest.mark.parametrize(
    ("status", "page"),
    [
        (403, "<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"),
        (503, "<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"),
        (403, "<html><title>Attention Required! | Cloudflare</title></html>"),
        (403, "<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD></HTML>"),
        (403, "error code: 1010"),
        (403, "<html><title>Request Rejected</title>Your support ID is: 1</html>"),
        (403, "<html><iframe>Request unsuccessful. Incapsula incident ID: 1-2</iframe></html>"),
        (403, "<html><title>Internet Security by Zscaler</title></html>"),
    ],
)
def test_a_firewall_is_not_taken_for_a_key_without_rights(status: int, page: str) -> None:
    row = blame(parse_failure(status, page))
    assert (row.kind, row.words) == (K.PERMISSION, "is behind a firewall that turned the request away")


def test_a_route_may_be_missing_with_a_400_too() -> None:
    row = blame(parse_failure(400, {"success": False, "errors": [{"code": 7000, "message": "No route for that URI"}]}))
    assert (row.kind, row.words) == (K.MODEL_NOT_FOUND, "has no such address, or no such model")


@pytest.mark.parametrize(
    "message",
    [
        "No models loaded. Please load a model",
        "Model unloaded.",
        "The model was unloaded",
        "Model is not loaded",
        "Model is unloaded.",
    ],
)
def test_a_server_without_a_model_in_memory_says_so(message: str) -> None:
    row = blame(parse_failure(400, {"error": message}))
    assert (row.kind, row.words) == (K.MODEL_NOT_FOUND, "has no model loaded")


MODELS = [
    (404, said("The model `nope` does not exist or you do not have access to it.", code="model_not_found")),
    (404, said("models/nope is not found for API version v1.", status="NOT_FOUND")),
    (404, {"error": "model 'nope:1b' not found"}),
    (404, {"type": "error", "error": {"type": "not_found_error", "message": "model: no-such-model"}}),
    (404, said("The API deployment for this resource does not exist.", code="DeploymentNotFound")),
    (404, said("No endpoints found for acme/skiff-2 with tools.")),
    (400, said("acme/nope is not a valid model ID")),
    (400, said("Model Not Exist")),
    (400, {"errors": [{"code": 5007, "message": "No such model @cf/x or task"}]}),
    (400, said("/chat/completions: Invalid model name passed in model=x. Call `/v1/models` to view available models")),
    (400, said("The provided model identifier is invalid.")),
    (400, said("Invocation of model ID x with on-demand throughput isn't supported.")),
    (400, {"message": "Invocation of model ID x with on-demand throughput isn\u2019t supported. Use an inference profile."}),
    (400, said("litellm.BadRequestError: LLM Provider NOT provided. You passed model=x")),
    (422, {"detail": {"error": "Model does not exist"}}),
    (None, said("model 'x' not found")),
    (400, {"error": "could not find suitable handler for qwen"}),  # llama-swap
    (400, said("Unavailable model: x", code="unavailable_model")),  # GitHub Models
    (400, said("Gemini 2.0 Flash is no longer available to new users.", status="NOT_FOUND")),
    (400, {"error": "Model not supported by provider together"}),  # Hugging Face
    (400, {"error": '"nomic-embed-text" does not support chat'}),  # Ollama
    (400, said("The chatCompletion operation does not work with the specified model, m.", code="OperationNotSupported")),
    (400, {"error": "Model meta-llama/x is not supported for provider hf-inference"}),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), MODELS)
def test_a_model_that_is_not_there_is_named_as_such(status: int | None, body: Any) -> None:
    row = blame(parse_failure(status, json.dumps(body)))
    assert (row.kind, row.words) == (K.MODEL_NOT_FOUND, None)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, said("Incorrect API key provided: xa***zz."), K.AUTH),
        (400, said("API key expired. Please renew the API key.", details=[{"reason": "API_KEY_INVALID"}]), K.AUTH),
        (403, {"__type": "com.amazon.coral#UnrecognizedClientException", "Message": "The security token is invalid"}, K.AUTH),
        (400, {"success": False, "errors": [{"code": 10000, "message": "Authentication error"}]}, K.AUTH),
        (None, {"base_resp": {"status_code": 1004, "status_msg": "login fail: carry the API secret key"}}, K.AUTH),
        (403, {"message": "Forbidden"}, K.PERMISSION),
        (400, said("Your organization must be verified to stream this model.", param="stream"), K.PERMISSION),
        (400, said("User location is not supported for the API use.", status="FAILED_PRECONDITION"), K.PERMISSION),
        (None, said("x", code="data_residency_mismatch"), K.PERMISSION),
        (404, said("x", code="ModelNotOpen"), K.PERMISSION),
        (429, {"__type": "ThrottlingException", "message": "Too many tokens, please wait"}, K.RATE_LIMITED),
        (429, said("Allocated quota exceeded, please increase it.", code="Throttling.AllocationQuota"), K.RATE_LIMITED),
        (429, said("You exceeded your current quota. Please retry in 34.07s.", status="RESOURCE_EXHAUSTED"), K.RATE_LIMITED),
        (500, said('{"error": {"code": 429, "message": "Resource has been exhausted (e.g. check quota)."}}'), K.RATE_LIMITED),
        (500, {"message": "An error occurred (ThrottlingException) when calling Converse"}, K.RATE_LIMITED),
        (424, {"error": "Request failed during generation", "error_type": "generation"}, K.SERVER_ERROR),
        (410, said("gone"), K.MODEL_NOT_FOUND),
        (407, "", K.CONNECTION),
        (511, "<html><title>Network Authentication Required</title></html>", K.CONNECTION),
        (451, "", K.PERMISSION),
        (403, said("This model is not available in your region"), K.PERMISSION),
        (429, said("The current subscription plan does not yet include access to GLM-5", code="1311"), K.PERMISSION),
        (400, {"message": "Operation not allowed"}, K.PERMISSION),  # Bedrock
        (401, said("The principal lacks the required data action", code="PermissionDenied"), K.PERMISSION),  # Azure
        (None, {"detail": "Unauthorized"}, K.AUTH),
        (None, {"code": "InvalidParameter", "message": "Only x is allowed"}, K.BAD_REQUEST),
        (400, said("Developer instruction is not enabled for models/gemma-3"), K.BAD_REQUEST),
        (403, said("OAuth token has been revoked. Please obtain a new token."), K.AUTH),
        (400, said("鉴权失败"), K.AUTH),
        (500, said("Unauthenticated. Configure AI_GATEWAY_API_KEY"), K.AUTH),
        (None, {"error_code": 110, "error_msg": "Access token invalid or no longer valid"}, K.AUTH),
        (None, {"error_code": 18, "error_msg": "Open api qps request limit reached"}, K.RATE_LIMITED),
        (400, {"message": "ThrottlingException: Too many concurrent requests"}, K.RATE_LIMITED),
        (400, said("请求频率过高"), K.RATE_LIMITED),
        (500, said("All credentials for model m are cooling down via provider p"), K.RATE_LIMITED),
        (429, said("Limit: 3 / min. Add a payment method to increase your rate limit: 3 requests per min."), K.RATE_LIMITED),
        (404, said("Unknown parameter: 'logprobs'", code="unknown_parameter"), K.BAD_REQUEST),
        (500, said("Unsupported param: tools", type="server_error"), K.BAD_REQUEST),  # llama.cpp
        (400, said("The model x is no longer available"), K.MODEL_NOT_FOUND),
        (522, "<html><title>host: connection timed out</title></html>", K.SERVER_ERROR),
        (403, said("Your API key was reported as leaked. Please use another API key.", status="PERMISSION_DENIED"), K.AUTH),
        (403, {"detail": "Not authenticated"}, K.AUTH),
        (None, {"detail": "Not authenticated"}, K.AUTH),
        (None, {"detail": "Invalid token"}, K.AUTH),
        (400, {"error": "The model has crashed without additional information. (Exit code: 6)"}, K.SERVER_ERROR),
        (400, {"error": "Failed to load model: insufficient system resources"}, K.SERVER_ERROR),
        (400, {"error": "CUDA error: out of memory"}, K.SERVER_ERROR),
        (400, {"error": "Channel Error"}, K.SERVER_ERROR),
        (400, said("DEGRADED function cannot be invoked"), K.SERVER_ERROR),
        (500, said("bad response status code 429", type="upstream_error", code="bad_response_status_code"), K.RATE_LIMITED),
        (502, said("upstream returned HTTP 429"), K.RATE_LIMITED),
        (500, said("error message is: [Request time out]"), K.TIMEOUT),
        (403, {"message": "The security token included in the request is expired"}, K.AUTH),
        (None, {"detail": "Could not validate credentials"}, K.AUTH),
        (400, said("API Key not found. Please pass a valid API key."), K.AUTH),
        (401, said("Authentication Error, LiteLLM Virtual Key expected.", type="auth_error"), K.AUTH),
        (401, said("You have insufficient permissions for this operation. Missing scopes: model.request."), K.PERMISSION),
        (400, said("This organization has been disabled."), K.PERMISSION),
        (404, said("No endpoints found matching your data policy (Free model training)"), K.PERMISSION),
        (404, said("No endpoints found that support tool use."), K.BAD_REQUEST),
        (500, said("Jinja Exception: conversation roles must alternate user and assistant", type="server_error"), K.BAD_REQUEST),
        (500, said("image input is not supported - hint: you may need the mmproj", type="server_error"), K.BAD_REQUEST),
    ],
)  # fmt: skip
def test_keys_rates_and_permissions_are_told_apart(status: int | None, body: Any, kind: ErrorKind) -> None:
    assert kind_of(status, body) is kind


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"message": "Failed to call a function. See 'failed_generation' for more.", "code": "tool_use_failed"}),
        (400, {"message": "Tool call validation failed: parameters for tool f did not match schema", "code": "tool_use_failed"}),
        (400, {"message": "Parsing failed. The model generated output that could not be parsed.", "code": "output_parse_failed"}),
        (500, {"message": "Failed to parse input at pos 12: <tool_call>", "type": "server_error"}),
        (None, {"message": "attempted to call tool 'g' which was not in request.tools"}),
    ],
)  # fmt: skip
def test_what_the_model_garbled_is_not_blamed_on_the_request(status: int | None, error: dict[str, Any]) -> None:
    failure = parse_failure(status, {"error": error})
    row = blame(failure)
    assert (row.kind, row.words) == (K.BAD_REQUEST, "could not read what its model wrote")
    assert not blames_input(failure, row.kind)


@pytest.mark.parametrize(
    ("error", "blamed"),
    [
        ({"message": "messages: roles must alternate between user and assistant"}, True),
        ({"message": "Invalid value", "param": "messages[3].content"}, True),
        ({"message": "Invalid schema for function 'f'", "param": "tools[0].function.parameters"}, True),
        ({"message": "contents.parts must not be empty", "status": "INVALID_ARGUMENT"}, True),
        ({"message": "Could not process image", "type": "invalid_request_error"}, True),
        ({"message": "m", "code": "invalid_base64_image"}, True),
        ({"message": "Bad request"}, False),
        ({"message": "No models loaded. Please load a model."}, False),
        ({"message": "Your organization must be verified to stream this model.", "param": "stream"}, False),
        ({"message": "messages: the role 'system' is not supported by this model"}, False),
        ({"message": "image input is not supported"}, False),
        ({"message": "No endpoints found that support image input"}, False),
        ({"message": "messages.1.content.0: Invalid `signature` in `thinking` block"}, False),
        ({"message": "temperature: must be at most 1"}, False),
        ({"message": "The total length of all messages is too long."}, False),
        ({"message": "This is too big for us", "param": "messages"}, False),
        ({"message": "messages.0.content.1.image: image exceeds 5 MB maximum"}, False),
        ({"message": "Unrecognized request argument supplied: reasoning_effort"}, False),
    ],
)
def test_only_a_rejection_that_names_the_conversation_blames_it(error: dict[str, Any], blamed: bool) -> None:
    failure = parse_failure(400, {"error": error})
    assert blames_input(failure, blame(failure).kind) is blamed


def test_a_validation_error_blames_what_its_place_names() -> None:
    for place, blamed in (["body", "messages", 0, "role"], True), (["body", "top_k"], False):
        failure = parse_failure(422, {"detail": [{"loc": place, "msg": "no", "type": "t"}]})
        assert blames_input(failure, blame(failure).kind) is blamed
