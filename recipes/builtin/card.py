"""Writes the model card from what the training and the evaluation measured."""

import json
from pathlib import Path

from recipes.builtin import evaluate, shape, texts


def write_card(folder: Path, path: Path, verdicts: dict[str, list[evaluate.Verdict]]) -> None:
    """Write ``MODEL_CARD.md`` beside the GGUF."""
    training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    numbers = training | scores("", verdicts["heldout"]) | scores("everyday_", verdicts["everyday"])
    page = (shape.TEXT_FOLDER / "model_card.md").read_text(encoding="utf-8")
    filled = page.format(
        **numbers,
        n_layers=shape.N_LAYERS,
        hidden=shape.HIDDEN_SIZE,
        n_heads=shape.N_HEADS,
        n_kv_heads=shape.N_KV_HEADS,
        feed_forward=shape.FEED_FORWARD_SIZE,
        millions=shape.millions_of_parameters("en"),
        vocabulary=shape.VOCABULARY_SIZE,
        n_intents=len(texts.read_answers("en")),
        minutes=f"{training['duration_s'] / 60:.0f}",
        megabytes=f"{path.stat().st_size / 1e6:.1f}",
        table=evaluate.score_table(verdicts["heldout"]),
        failures=evaluate.failures(verdicts["heldout"]) or "None.",
        everyday_failures=evaluate.failures(verdicts["everyday"]) or "None.",
    )
    (path.parent / "MODEL_CARD.md").write_text(filled, encoding="utf-8")


def scores(prefix: str, verdicts: list[evaluate.Verdict]) -> dict[str, str]:
    """Name the scores of one held-out set as the page names them."""
    numbers = evaluate.summary(verdicts)
    return {
        prefix + name: f"{100 * value:.0f} %" if name.endswith("_ratio") else str(value)
        for name, value in numbers.items()
    }
