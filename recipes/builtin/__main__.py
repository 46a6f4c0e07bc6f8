"""Makes the built-in model: tokenizer, training, GGUF, scores, card. See README.md beside this file."""

import argparse
import dataclasses
import json
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from recipes.builtin import card, evaluate, export, parity, shape, tokens, training
from transformers import MistralForCausalLM


def main() -> None:
    """Run the whole recipe, or its steps one by one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000, help="training steps")
    parser.add_argument("--threads", type=int, default=2, help="processor threads")
    parser.add_argument("--score-only", action="store_true", help="score the GGUF already in the folder")
    parser.add_argument("--install", action="store_true", help="copy the GGUF and its card into the package")
    parser.add_argument("--folder", type=Path, default=shape.WORK_FOLDER, help="where to write")
    parser.add_argument("--further", action="store_true", help="train the model in the folder further")
    parser.add_argument("--minutes", type=float, default=110, help="stop after this time at the latest")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    path = options.folder / shape.GGUF_NAME
    if not options.score_only:
        make_model(options.folder, steps=options.steps, limit_s=60 * options.minutes, further=options.further)
    with evaluate.Server.of(path) as server:
        print(f"llama.cpp and transformers agree within {parity.check(server, options.folder):.4f}")
        verdicts = evaluate.evaluate(server, options.folder)
    for name, those in verdicts.items():
        print(f"{name}:\n{evaluate.failures(those)}\n{evaluate.summary(those)}")
    card.write_card(options.folder, path, verdicts)
    if options.install:
        shutil.copy(path, shape.PACKAGE_FOLDER)
        shutil.copy(options.folder / "MODEL_CARD.md", shape.PACKAGE_FOLDER)


def make_model(folder: Path, *, steps: int, limit_s: float, further: bool) -> None:
    """Make the tokenizer, train the model and write the GGUF and a report beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer_path = folder / "tokenizer.json"
    started_at = time.monotonic()
    if not further:
        tokens.train_tokenizer().save(str(tokenizer_path))
    print(f"tokenizer made in {time.monotonic() - started_at:.0f} s", flush=True)
    path = folder / shape.GGUF_NAME

    def export_checkpoint(model: MistralForCausalLM) -> None:
        export.write_gguf(model, tokenizer_path, path)

    model, report = training.train(
        tokenizer_path,
        steps=steps,
        limit_s=limit_s,
        on_checkpoint=export_checkpoint,
        start=folder / "transformers" if further else None,
    )
    model.save_pretrained(folder / "transformers")
    export.write_gguf(model, tokenizer_path, path)
    facts = dataclasses.asdict(report) | {
        "n_runs": 1,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "n_parameters": shape.n_parameters(),
        "threads": torch.get_num_threads(),
    }
    report_path = folder / "training.json"
    if further and report_path.exists():
        facts = added(json.loads(report_path.read_text(encoding="utf-8")), facts)
    report_path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB", flush=True)


def added(before: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """Add an earlier run to the account of the training."""
    summed = ("steps", "duration_s", "n_dialogues", "n_tokens", "n_runs")
    return facts | {name: before[name] + facts[name] for name in summed}


if __name__ == "__main__":
    main()
