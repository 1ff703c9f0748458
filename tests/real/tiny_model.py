"""Writes a tiny Llama with random weights to a folder. Runs in .venv-real: `python tiny_model.py FOLDER`."""

from __future__ import annotations

import sys
from typing import Final

import torch  # type: ignore[import-not-found]
from tokenizers import (  # type: ignore[import-not-found]
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    trainers,
)
from transformers import (  # type: ignore[import-not-found]
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

SENTENCES: Final = (
    "The first server answers, and when it does not, the next one does.",
    "A stream that breaks in the middle is not an answer.",
    "Ask again later, or ask somebody else.",
)
TEMPLATE: Final = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL: Final = ("<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
CONTEXT_WINDOW: Final = 4096
ALPHABET: Final = [chr(code) for code in range(33, 127)]
"""No piece of a character is a token: the server drops half a character at the end of a streamed answer, and of no other."""


def tokenizer() -> PreTrainedTokenizerFast:
    """Train a byte-level tokenizer on the sentences."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=200,
        special_tokens=list(SPECIAL),
        initial_alphabet=ALPHABET,
        show_progress=False,
    )
    made.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|end|>", pad_token="<|end|>", chat_template=TEMPLATE
    )


def main(folder: str) -> None:
    """Write model and tokenizer; the seed makes every run's weights the same."""
    torch.manual_seed(0)
    words = tokenizer()
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_WINDOW,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)


if __name__ == "__main__":
    main(sys.argv[1])
