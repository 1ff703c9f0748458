"""OpenAI's Responses API (`kind = "openai-responses"`), used without its stored state.

The next turn may go to another provider.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.chat_context import ChatMessage, Image, Role, Text
from fallback_chat.providers import openai
from fallback_chat.providers.http.llm import HttpLLM
from fallback_chat.providers.wire.conversation import arguments_text, fits, normalise, state_for
from fallback_chat.providers.wire.dialect import ChatRequest, Dialect, HttpRequest, dicts_of, text_of
from fallback_chat.providers.wire.known_models import LEAST_TOKENS, known_effort, tells_of_thinking
from fallback_chat.providers.wire.read_responses import ResponsesReader
from fallback_chat.providers.wire.request import encode_json, url_of, with_extras

if TYPE_CHECKING:
    from fallback_chat.core.chat_context import Part

KIND: Final = "openai-responses"


def build_request(request: ChatRequest) -> HttpRequest:
    """Render a request. This API has no stop strings and no seed."""
    options = request.options
    cap = options.max_tokens
    body: dict[str, Any] = {
        "model": request.model,
        "input": _input(request),
        "stream": options.stream,
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    wishes: dict[str, Any] = {
        "instructions": request.system or None,
        "max_output_tokens": None if cap is None else max(cap, LEAST_TOKENS),
        "temperature": options.temperature,
        "top_p": options.top_p,
        "reasoning": _reasoning(request) or None,
    }
    if request.tools:
        wishes |= _tools(request)
    body |= {key: value for key, value in wishes.items() if value is not None}
    return HttpRequest(
        "POST",
        url_of(request.settings, "responses"),
        openai.headers(request.settings, request.api_key, "text/event-stream"),
        encode_json(with_extras(body, request)),
    )


def _reasoning(request: ChatRequest) -> dict[str, Any]:
    """Return how hard to think, and a request for a summary: without one, thinking is silent."""
    effort = request.options.reasoning_effort
    wishes = {"effort": known_effort(KIND, request.model, effort)} if effort else {}
    return wishes | ({"summary": "auto"} if tells_of_thinking(KIND, request.model) and effort != "none" else {})


def unasked(request: ChatRequest) -> frozenset[str]:
    """Return the keys that nobody asked for: the summary, and without an effort all reasoning."""
    return frozenset({"reasoning.summary"} | (set() if request.options.reasoning_effort else {"reasoning"}))


def _tools(request: ChatRequest) -> dict[str, Any]:
    # Strict is the default, and then only closed schemas are accepted.
    tools = [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": False,
        }
        for tool in request.tools
    ]
    choice = request.tool_choice
    named = choice not in (None, "auto", "none", "required")
    return {
        "tools": tools,
        "tool_choice": {"type": "function", "name": choice} if named else choice,
        "parallel_tool_calls": request.parallel_tool_calls,
    }


def _input(request: ChatRequest) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for turn in normalise(request.chat_ctx.messages):
        if turn.role is Role.TOOL:
            items += [
                {"type": "function_call_output", "call_id": result.call_id, "output": result.output}
                for result in turn.tool_results
            ]
        elif turn.role is Role.USER:
            items.append({"role": "user", "content": _content(turn)})
        else:
            items += _answer(turn, request)
    return items


def _answer(turn: ChatMessage, request: ChatRequest) -> list[dict[str, Any]]:
    """Return the items of an answer: as received if they are ours, else its text and its calls."""
    calls = [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments_text(call)}
        for call in turn.tool_calls
    ]
    kept = dicts_of(state_for(turn, request.origin))
    places = [item for item in kept if item.get("type") == "function_call"]
    texts = [text_of(item.get("content")) for item in kept if item.get("role") == "assistant"]
    if kept and fits(turn, texts, len(places)):
        left = iter(calls)
        return [next(left) if item.get("type") == "function_call" else item for item in kept]
    return [{"role": "assistant", "content": turn.text}, *calls] if turn.text else calls


def _content(turn: ChatMessage) -> str | list[dict[str, Any]]:
    if len(turn.content) == 1 and isinstance(turn.content[0], Text):
        return turn.content[0].text
    return [_part(part) for part in turn.content]


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    url = f"data:{part.media_type};base64,{part.base64}"
    if isinstance(part, Image):
        return {"type": "input_image", "image_url": url, "detail": "auto"}
    return {"type": "input_file", "filename": part.filename, "file_data": url}


DIALECT: Final = Dialect(
    kind=KIND,
    framing="sse",
    build_request=build_request,
    reader=ResponsesReader,
    models_request=openai.models_request,
    read_models=openai.read_models,
    probe_request=openai.probe_request,
    lists_all=openai.lists_all,
    unasked=unasked,
    lacks=frozenset({"stop", "seed"}),
)

create = partial(HttpLLM, DIALECT)
