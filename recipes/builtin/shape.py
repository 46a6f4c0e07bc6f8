"""The shape of Galerne Mini, and where its recipe reads and writes."""

from pathlib import Path
from typing import Final

NAME: Final = "Galerne Mini"
SEED: Final = 4747

VOCABULARY_SIZE: Final = 4096
HIDDEN_SIZE: Final = 256
N_LAYERS: Final = 6
N_HEADS: Final = 8
N_KV_HEADS: Final = 2
HEAD_SIZE: Final = 32
FEED_FORWARD_SIZE: Final = 768
CONTEXT_TOKENS: Final = 2048
ROPE_THETA: Final = 10_000.0
NORM_EPSILON: Final = 1e-5

RECIPE_FOLDER: Final = Path(__file__).resolve().parent
TEXT_FOLDER: Final = RECIPE_FOLDER / "text"
WORK_FOLDER: Final = RECIPE_FOLDER.parent / "work" / "builtin"
PACKAGE_FOLDER: Final = RECIPE_FOLDER.parents[1] / "src" / "galerne" / "models" / "builtin"
GGUF_NAME: Final = "galerne-mini.gguf"
GGUF_LIMIT_BYTES: Final = 14_000_000

LANGUAGES: Final = ("en", "fr")


def n_parameters() -> int:
    """Count the weights; the embedding is also the output layer."""
    attention = HIDDEN_SIZE * HEAD_SIZE * (2 * N_HEADS + 2 * N_KV_HEADS)
    feed_forward = 3 * HIDDEN_SIZE * FEED_FORWARD_SIZE
    layer = attention + feed_forward + 2 * HIDDEN_SIZE
    return VOCABULARY_SIZE * HIDDEN_SIZE + N_LAYERS * layer + HIDDEN_SIZE


def millions_of_parameters(language: str) -> str:
    """Write the count as the model says it: 5.6 in English, 5,6 in French."""
    text = f"{n_parameters() / 1e6:.1f}"
    return text.replace(".", ",") if language == "fr" else text
