"""tiny-sdxl's words: a byte-pair encoding learnt from the captions, and two small CLIP text encoders."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator, Sequence

from tokenizers import Tokenizer, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from dgx_pixels.models.tiny_data import Example, ask

VOCABULARY = 2000
PROMPT_TOKENS = 32
"""Longest prompt in tokens; real SDXL has 77, but captions here are short and every token costs time in training."""
WIDTH_1, WIDTH_2 = 128, 160
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")


def byte_tokens() -> list[str]:
    """The 512 tokens every CLIP vocabulary starts with: each byte as a printable character, then each at a word's end."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in printable]
    chars = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]
    return chars + [c + "</w>" for c in chars]


def tokenizer_of(merges: Sequence[tuple[str, str]], **kwargs: str) -> CLIPTokenizer:
    """A CLIP tokenizer with these merges. Its last id has to be the end of text: the text encoders look for it."""
    tokens = [*byte_tokens(), *("".join(m) for m in merges), *_SPECIAL]
    vocab = {token: i for i, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocab, merges=list(merges), model_max_length=PROMPT_TOKENS, **kwargs)


def learn_merges(examples: Sequence[Example], seed: int = 0) -> list[tuple[str, str]]:
    """The most useful merges for captions of these examples, enough for a vocabulary of `VOCABULARY` tokens."""
    empty = tokenizer_of([])
    learner = Tokenizer.from_str(empty.backend_tokenizer.to_str())
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, end_of_word_suffix="</w>", show_progress=False, initial_alphabet=byte_tokens()[:256]
    )
    learner.train_from_iterator(_captions(examples, random.Random(seed)), trainer)
    known = set(byte_tokens())
    merges = []
    for left, right in _merges_of(learner):
        if left in known and right in known and left + right not in known:
            known.add(left + right)
            merges.append((left, right))
    return merges[: VOCABULARY - 512 - len(_SPECIAL)]


def _captions(examples: Sequence[Example], rng: random.Random) -> Iterator[str]:
    for example in rng.choices(examples, [e.weight for e in examples], k=60_000):
        yield ask(example, rng)
    yield from string.ascii_lowercase


def _merges_of(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    pairs = json.loads(tokenizer.to_str())["model"]["merges"]
    return [tuple(p) if isinstance(p, list) else tuple(p.split(" ")) for p in pairs]


def build_text_encoders(vocabulary: int) -> tuple[CLIPTextModel, CLIPTextModelWithProjection]:
    """SDXL's two text encoders, three layers each (the pipeline takes the hidden state before the last)."""

    def config(width: int, act: str) -> CLIPTextConfig:
        return CLIPTextConfig(
            vocab_size=vocabulary, hidden_size=width, intermediate_size=4 * width, num_hidden_layers=3, num_attention_heads=4,
            max_position_embeddings=PROMPT_TOKENS, projection_dim=width, hidden_act=act,
            bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1, pad_token_id=vocabulary - 1,
        )  # fmt: skip

    return CLIPTextModel(config(WIDTH_1, "quick_gelu")), CLIPTextModelWithProjection(config(WIDTH_2, "gelu"))
