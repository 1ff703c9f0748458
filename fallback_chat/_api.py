"""The public names, each once, imported from where it lives.

Programs and type checkers both read them here.

The form `name as name` is the one that type checkers take for an export.
"""

from fallback_chat.core.answer import Answer as Answer
from fallback_chat.core.answer import AnswerBuilder as AnswerBuilder
from fallback_chat.core.answer import AnswerError as AnswerError
from fallback_chat.core.chat_context import ChatContext as ChatContext
from fallback_chat.core.chat_context import ChatMessage as ChatMessage
from fallback_chat.core.chat_context import Document as Document
from fallback_chat.core.chat_context import Image as Image
from fallback_chat.core.chat_context import Part as Part
from fallback_chat.core.chat_context import Role as Role
from fallback_chat.core.chat_context import Text as Text
from fallback_chat.core.chat_context import Tool as Tool
from fallback_chat.core.chat_context import ToolCall as ToolCall
from fallback_chat.core.chat_context import ToolResult as ToolResult
from fallback_chat.core.chat_context import VendorExtra as VendorExtra
from fallback_chat.core.engine.adapter import FallbackAdapter as FallbackAdapter
from fallback_chat.core.engine.breaker import Health as Health
from fallback_chat.core.engine.breaker import State as State
from fallback_chat.core.engine.health import HealthStore as HealthStore
from fallback_chat.core.engine.health import MemoryHealthStore as MemoryHealthStore
from fallback_chat.core.engine.reading import GeneratorStream as GeneratorStream
from fallback_chat.core.engine.settings import AttemptSettings as AttemptSettings
from fallback_chat.core.engine.settings import ChainSettings as ChainSettings
from fallback_chat.core.engine.settings import OnRefusal as OnRefusal
from fallback_chat.core.engine.settings import OnStreamFailure as OnStreamFailure
from fallback_chat.core.engine.settings import Prefer as Prefer
from fallback_chat.core.engine.stream import FallbackLLMStream as FallbackLLMStream
from fallback_chat.core.errors import AllProvidersFailed as AllProvidersFailed
from fallback_chat.core.errors import APIConnectionError as APIConnectionError
from fallback_chat.core.errors import APIError as APIError
from fallback_chat.core.errors import APIStatusError as APIStatusError
from fallback_chat.core.errors import APIStreamError as APIStreamError
from fallback_chat.core.errors import APITimeoutError as APITimeoutError
from fallback_chat.core.errors import ConfigError as ConfigError
from fallback_chat.core.errors import ErrorDetails as ErrorDetails
from fallback_chat.core.errors import ErrorKind as ErrorKind
from fallback_chat.core.errors import FallbackChatError as FallbackChatError
from fallback_chat.core.errors import Problem as Problem
from fallback_chat.core.events import AllFailed as AllFailed
from fallback_chat.core.events import AttemptFailed as AttemptFailed
from fallback_chat.core.events import AttemptLate as AttemptLate
from fallback_chat.core.events import AttemptRecord as AttemptRecord
from fallback_chat.core.events import AttemptSkipped as AttemptSkipped
from fallback_chat.core.events import AttemptStarted as AttemptStarted
from fallback_chat.core.events import AvailabilityChangedEvent as AvailabilityChangedEvent
from fallback_chat.core.events import Event as Event
from fallback_chat.core.events import FailedOver as FailedOver
from fallback_chat.core.events import Notice as Notice
from fallback_chat.core.events import Outcome as Outcome
from fallback_chat.core.events import ProviderGivenUp as ProviderGivenUp
from fallback_chat.core.events import Segment as Segment
from fallback_chat.core.events import StreamContinued as StreamContinued
from fallback_chat.core.events import StreamRestarted as StreamRestarted
from fallback_chat.core.events import Waiting as Waiting
from fallback_chat.core.llm import LLM as LLM
from fallback_chat.core.llm import ChatChunk as ChatChunk
from fallback_chat.core.llm import ChatOptions as ChatOptions
from fallback_chat.core.llm import ChoiceDelta as ChoiceDelta
from fallback_chat.core.llm import CompletionUsage as CompletionUsage
from fallback_chat.core.llm import FinishReason as FinishReason
from fallback_chat.core.llm import LLMStream as LLMStream
from fallback_chat.core.llm import ModelInfo as ModelInfo
from fallback_chat.core.llm import ProbeReport as ProbeReport
from fallback_chat.wiring import load_chain as load_chain
from fallback_chat.wiring import shared_health as shared_health
