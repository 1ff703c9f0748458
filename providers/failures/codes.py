"""The codes by which vendors name a failure (types and reasons included), with their kinds.

All are in lower case.
"""

from __future__ import annotations

from typing import Final

from fallback_chat.core.errors import ErrorKind

K = ErrorKind

CANONICAL: Final[dict[ErrorKind, tuple[str, ...]]] = {
    K.CONTEXT_EXCEEDED: ("openrouter:context_length_exceeded",),
    K.TOO_LARGE: (
        "openrouter:payload_too_large", "openrouter:token_limit_exceeded", "openrouter:string_too_long",
        "openrouter:image_too_large",
    ),
    K.AUTH: ("openrouter:authentication",),
    K.PERMISSION: ("openrouter:permission_denied",),
    K.RATE_LIMITED: ("openrouter:rate_limit_exceeded",),
    K.OVERLOADED: ("openrouter:provider_overloaded", "openrouter:provider_unavailable"),
    K.CONTENT_FILTER: ("openrouter:content_policy_violation",),
    K.REFUSAL: ("openrouter:refusal",),
    K.TIMEOUT: ("openrouter:timeout",),
    K.BAD_REQUEST: (
        "openrouter:invalid_prompt", "openrouter:invalid_image", "openrouter:image_too_small",
        "openrouter:unsupported_image_format", "openrouter:image_not_found", "openrouter:image_download_failed",
        "openrouter:max_tokens_exceeded",
    ),
}  # fmt: skip
"""OpenRouter's `error_type`, the same in all its formats. Its vague values (`invalid_request`,
`not_found`, `unprocessable`, `server`, `unmapped`) decide nothing here: the text of the server
behind it says more."""

DECISIVE: Final[dict[ErrorKind, tuple[str, ...]]] = {
    K.CONTEXT_EXCEEDED: (
        "context_length_exceeded",
        "exceed_context_size_error",  # llama.cpp
        "model_max_prompt_tokens_exceeded",  # GitHub Copilot
        "contextwindowexceedederror",  # LiteLLM
        "context_window_exceeded", "model_context_window_exceeded", "context_overflow", "prompt_too_long",
    ),
    K.TOO_LARGE: (
        "request_too_large", "request_body_too_large_after_decoding", "image_too_large", "image_file_too_large",
        "string_above_max_length",
        "tokens_limit_reached",  # GitHub Models: a limit of the plan on one request
    ),
    K.QUOTA_EXHAUSTED: (
        "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded", "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded", "billing_hard_limit_reached", "billing_not_active",
        "usage_limit_reached", "usage_limit_exceeded", "usage_not_included",
        "billing_error", "enforced_spend_limit_reached", "contract_spend_limit_reached",  # Anthropic
        "linked_organization_spend_limit_reached", "linked_organization_billing_unavailable", "organization_on_hold",
        "user_profile_not_billable", "user_profile_billing_not_authorized",
        "payment_required", "openrouter:payment_required", "insufficient_balance", "insufficient_funds", "insufficient_credits",
        "exceeded_current_quota_error",  # Moonshot
        "credit_limit",  # Together
        "budget_exceeded", "budgetexceedederror",  # LiteLLM
        "quota_exhausted",  # Google
        "blocked_api_access",  # Groq
        "arrearage", "prepaidbilloverdue", "postpaidbilloverdue", "allocationquota.freetieronly",  # DashScope
        "accountoverdueerror", "setlimitexceeded", "quotaexceeded",  # Volcengine
        "billing_balance_not_enough", "not_enough_balance",  # Novita
        "servicequotaexceededexception",  # AWS
        "insufficient_user_quota", "pre_consume_token_quota_failed",  # New API
    ),
    K.CONTENT_FILTER: (
        "content_filter", "content_policy_violation", "contentpolicyviolationerror", "guardrailraisedexception",
        "responsibleaipolicyviolation",  # Azure
        "invalid_prompt", "bio_policy", "cyber_policy", "cyber_policy_violation", "misalignment_policy_violation",
        "image_content_policy_violation", "moderation_blocked",
        "data_inspection_failed", "datainspectionfailed",  # DashScope
        "sensitive_words_detected", "safety_check_failed", "illegal_prompt",
    ),
    K.MODEL_NOT_FOUND: (
        "model_not_found", "unknown_model", "model_not_available", "model_not_supported", "modelnotfound",
        "model_decommissioned",  # Groq: 400
        "unavailable_model",  # GitHub Models: 400
        "invalid_model",  # Mistral: 400
        "deploymentnotfound", "invalidendpointormodel.notfound",
    ),
    K.AUTH: (
        "invalid_api_key", "wrong_api_key", "incorrect_api_key_error", "invalid_authentication_error", "expired_key",
        "token_not_found_in_db",
        "api_key_invalid",  # Google: 400
        "invalidapikey",
        # LiteLLM without a database knows its master key only, and answers any other with a 400.
        "no_db_connection",
        "unrecognizedclientexception", "expiredtokenexception", "invalidsignatureexception",  # AWS
    ),
    K.PERMISSION: (
        "failed_precondition",  # Google: location or billing, 400
        "data_residency_mismatch",  # a retry always leads to the same region
        "model_terms_required", "organization_restricted", "no_access", "modelnotopen",
        "key_model_access_denied", "team_model_access_denied", "user_model_access_denied",  # LiteLLM
        "unsupported_country_region_territory", "region_not_supported", "unsupported_region",
    ),
    K.RATE_LIMITED: ("throttling.allocationquota", "throttling.ratequota", "throttlingexception", "rate_limit_reached_error"),
    K.OVERLOADED: (
        "service_tier_capacity_exceeded",  # Mistral: 429, although not the user's rate
        "engine_overloaded_error", "queue_exceeded", "serveroverloaded", "modelnotreadyexception", "overloaded_error",
        "nocapacity",  # Azure
        "deployment_scaling_up",  # Fireworks
    ),
    K.BAD_REQUEST: ("unknown_parameter", "unsupported_parameter"),
}  # fmt: skip
"""Codes that decide whatever the status is."""

SOFT: Final[dict[ErrorKind, tuple[str, ...]]] = {
    K.RATE_LIMITED: (
        "rate_limit_error", "rate_limit_exceeded", "rate_limited", "resource_exhausted", "slow_down", "too_many_requests",
        "ratelimiterror", "ratelimitreached", "too_many_requests_error",
    ),
    K.AUTH: ("authentication_error", "unauthenticated", "authenticationerror", "unauthorized"),
    K.PERMISSION: ("permission_error", "permission_denied", "permissiondeniederror", "accessdeniedexception", "forbidden"),
    K.MODEL_NOT_FOUND: ("not_found_error", "not_found", "notfounderror", "openrouter:not_found"),
    K.OVERLOADED: (
        "server_is_overloaded", "service_unavailable_error", "serviceunavailableerror", "unavailable_error", "unavailable",
        "capacity_exceeded", "overloaded",
        "insufficient_system_resource",  # DeepSeek, as a finish
    ),
    K.TIMEOUT: ("timeout_error", "deadline_exceeded", "vector_store_timeout", "timeout"),
    K.CANCELLED: ("cancelled",),
    K.SERVER_ERROR: ("conflict_error", "api_error", "server_error", "internal", "openrouter:server", "internalservererror"),
    K.BAD_REQUEST: (
        "invalid_request_error", "invalid_argument", "badrequesterror", "bad_request_error", "invalidparameter",
        "invalid_parameter_error", "not_supported_error", "openrouter:invalid_request",
        "openrouter:unprocessable", "openrouter:precondition_failed",
        # About a picture in the request (OpenAI's Responses).
        "invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url", "invalid_image_mode",
        "image_too_small", "image_parse_error", "image_file_not_found", "unsupported_image_media_type", "empty_image_file",
        "failed_to_download_image",
    ),
}  # fmt: skip
"""Codes that only decide without a status: in an error inside a 200."""
