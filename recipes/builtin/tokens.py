"""The tokenizer: byte-level BPE with Tekken's split, and the chat template of Mistral's V7-Tekken."""

import itertools
import random
from typing import Final

from recipes.builtin import shape
from recipes.builtin.dialogues import Dialogue, Writer
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

CONTROL_TOKENS: Final = (
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "<pad>",
)  # fmt: skip
UNKNOWN, BOS, EOS, INST, END_INST, SYSTEM, END_SYSTEM, PAD = range(len(CONTROL_TOKENS))

# Tekken's split as llama.cpp writes it, so that both libraries cut text in the same places.
SPLIT: Final = (
    r"[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))*((?=[\p{L}])([^A-Z]))+"
    r"|[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))+((?=[\p{L}])([^A-Z]))*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEMPLATE_PATH: Final = shape.TEXT_FOLDER / "chat_template.jinja"
N_TRAINING_DIALOGUES: Final = 40_000
IGNORED_LABEL: Final = -100
LOOSE_RATIO: Final = 0.4
CUT_RATIO: Final = 0.06


def train_tokenizer() -> Tokenizer:
    """Learn the vocabulary on questions, answers and system prompts."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    split = pre_tokenizers.Split(Regex(SPLIT), behavior="isolated")
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_only])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=shape.VOCABULARY_SIZE,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in CONTROL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    dialogues = itertools.islice(Writer(shape.SEED).dialogues(), N_TRAINING_DIALOGUES)
    tokenizer.train_from_iterator((text for d in dialogues for text in _texts(d)), trainer)
    return tokenizer


def _texts(dialogue: Dialogue) -> list[str]:
    return [dialogue.system, *(text for turn in dialogue.turns for text in (turn.question, turn.answer))]


def encode(dialogue: Dialogue, tokenizer: Tokenizer, rng: random.Random) -> tuple[list[int], list[int]]:
    """Turn a dialogue into tokens and labels; only the answers carry labels."""
    ids = [BOS]
    if dialogue.system:
        ids += [SYSTEM, *ids_of(dialogue.system, tokenizer), END_SYSTEM]
    labels = [IGNORED_LABEL] * len(ids)
    for turn in dialogue.turns:
        question = [INST, *loose_ids_of(turn.question, tokenizer, rng), END_INST]
        answer = [*ids_of(turn.answer, tokenizer), EOS]
        ids += question + answer
        labels += [IGNORED_LABEL] * len(question) + answer
    return ids, labels


def ids_of(text: str, tokenizer: Tokenizer) -> list[int]:
    """Encode plain text."""
    return tokenizer.encode(text, add_special_tokens=False).ids


def loose_ids_of(text: str, tokenizer: Tokenizer, rng: random.Random) -> list[int]:
    """Encode a question, sometimes with words cut in two: unseen spellings then look familiar."""
    if rng.random() > LOOSE_RATIO:
        return ids_of(text, tokenizer)
    pieces, start = [], 0
    for at in range(1, len(text)):
        if text[at - 1].isalpha() and text[at].isalpha() and rng.random() < CUT_RATIO:
            pieces.append(text[start:at])
            start = at
    return [token for piece in [*pieces, text[start:]] for token in ids_of(piece, tokenizer)]


def chat_template() -> str:
    """Give the Jinja template embedded in the GGUF."""
    return TEMPLATE_PATH.read_text(encoding="utf-8").strip()
