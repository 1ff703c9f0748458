"""Requests to Gemini, according to the vendor's own types."""

from __future__ import annotations

import re
from typing import Any, Final

from fallback_chat.providers.simulator.shapes import (
    MOST,
    Shape,
    anything,
    flag,
    integer,
    many,
    number,
    record,
    table,
    text,
    word,
)

_SIDE: Final[dict[str, Shape]] = {
    "thought": flag,
    "thoughtSignature": text,
    "videoMetadata": table,
    "mediaResolution": table,
    "partMetadata": table,
}
_PART: Final = record(
    {},
    {
        **_SIDE,
        "text": text,
        "inlineData": record({"mimeType": text, "data": text}, {"displayName": text}),
        "fileData": record({"fileUri": text}, {"mimeType": text, "displayName": text}),
        "functionCall": record({"name": text}, {"id": text, "args": table}),
        "functionResponse": record(
            {"name": text, "response": table},
            {"id": text, "parts": many(table), "scheduling": text, "willContinue": flag},
        ),
        "executableCode": table,
        "codeExecutionResult": table,
        "toolCall": table,
        "toolResponse": table,
    },
)
_SAID: Final = record({"parts": many(_PART, 1, "parts")}, {"role": word("user", "model")})
_LEVELS: Final = word("THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")
_MODES: Final = word("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")
_HOSTED_TOOLS: Final = (
    "retrieval", "computerUse", "fileSearch", "googleSearch", "googleMaps", "codeExecution", "enterpriseWebSearch",
    "googleSearchRetrieval", "parallelAiSearch", "urlContext", "exaAiSearch",
)  # fmt: skip

GENERATE: Final = record(
    {"contents": many(_SAID, 1, "messages")},
    {
        "cachedContent": text,
        "generationConfig": record(
            {},
            {
                "audioTimestamp": flag,
                "candidateCount": integer(1, 8),
                "enableAffectiveDialog": flag,
                "enableEnhancedCivicAnswers": flag,
                "frequencyPenalty": number(-2, 2),
                "logprobs": integer(0, 20),
                "maxOutputTokens": integer(1, MOST),
                "mediaResolution": text,
                "modelSelectionConfig": table,
                "presencePenalty": number(-2, 2),
                "responseFormat": table,
                "responseJsonSchema": anything,
                "responseLogprobs": flag,
                "responseMimeType": text,
                "responseModalities": many(text),
                "responseSchema": table,
                "routingConfig": table,
                "seed": integer(-(2**31), 2**31 - 1),
                "speechConfig": table,
                "stopSequences": many(text),
                "temperature": number(0, 2),
                "thinkingConfig": record(
                    {}, {"includeThoughts": flag, "thinkingBudget": integer(-1, MOST), "thinkingLevel": _LEVELS}
                ),
                "topK": number(0, MOST),
                "topP": number(0, 1),
                "translationConfig": table,
                "audioTranscriptionConfig": table,
            },
        ),
        "labels": table,
        "safetySettings": many(table),
        "serviceTier": text,
        "store": flag,
        "systemInstruction": _SAID,
        "toolConfig": record(
            {},
            {
                "functionCallingConfig": record(
                    {}, {"mode": _MODES, "allowedFunctionNames": many(text), "streamFunctionCallArguments": flag}
                ),
                "retrievalConfig": table,
                "includeServerSideToolInvocations": flag,
            },
        ),
        "tools": many(
            record(
                {},
                dict.fromkeys(_HOSTED_TOOLS, table)
                | {
                    "mcpServers": many(table),
                    "functionDeclarations": many(
                        record(
                            {"name": text},
                            {
                                "description": text,
                                "parameters": table,
                                "parametersJsonSchema": anything,
                                "response": table,
                                "responseJsonSchema": anything,
                                "behavior": text,
                            },
                        )
                    ),
                },
            )
        ),
    },
)

_USERS_OWN: Final = frozenset(
    {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels"}
)
_AFTER_BAR: Final = re.compile(r"_([a-z])")


def in_camel_case(value: Any) -> Any:
    """Return a request to Gemini in camel case: `max_output_tokens` is as valid."""
    if isinstance(value, list):
        return [in_camel_case(each) for each in value]
    if not isinstance(value, dict):
        return value
    named = {_AFTER_BAR.sub(lambda found: found[1].upper(), str(key)): each for key, each in value.items()}
    return {key: each if key in _USERS_OWN else in_camel_case(each) for key, each in named.items()}
