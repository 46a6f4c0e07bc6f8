"""Trains the model on a CPU: Muon for the matrices of the layers, AdamW for the rest."""

import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from recipes.builtin import shape, tokens
from recipes.builtin.dialogues import Writer
from tokenizers import Tokenizer
from transformers import MistralConfig, MistralForCausalLM

BATCH_TOKENS: Final = 3072
CHUNK_DIALOGUES: Final = 1024
MAX_TOKENS: Final = 640
WARMUP_STEPS: Final = 40
MATRIX_RATE: Final = 3e-3
OTHER_RATE: Final = 2e-3
LAST_RATE_RATIO: Final = 0.02
DECAY_FROM: Final = 0.3  # share of the training after which the rate goes down
CHECKPOINT_STEPS: Final = 150
FURTHER_RATE_RATIO: Final = 0.6
CLIP_NORM: Final = 1.0
# Once answers are known by heart, most steps need only their beginning: it carries the decision.
SHORT_ANSWER_TOKENS: Final = 12
SHORT_ANSWER_RATIO: Final = 0.88
SHORT_ANSWERS_FROM_STEP: Final = 120

Example = tuple[list[int], list[int]]


@dataclass(kw_only=True)
class TrainingReport:
    """What the model card says about a training."""

    steps: int = 0
    duration_s: float = 0.0
    n_dialogues: int = 0
    n_tokens: int = 0
    loss: float = 0.0

    def add(self, ids: torch.Tensor, loss: float, *, duration_s: float) -> None:
        """Count one step; the loss is a running mean."""
        self.loss = loss if self.steps == 0 else 0.97 * self.loss + 0.03 * loss
        self.steps += 1
        self.duration_s = duration_s
        self.n_dialogues += len(ids)
        self.n_tokens += ids.numel()

    def progress(self, steps: int, limit_s: float) -> float:
        """Give the share of the training done, from 0 to 1."""
        return max(self.steps / steps, self.duration_s / limit_s)

    def line(self) -> str:
        """Tell the progress."""
        pace = self.steps / self.duration_s
        return f"step {self.steps}, {self.duration_s:.0f} s, loss {self.loss:.4f}, {pace:.2f} steps/s"


def new_model() -> MistralForCausalLM:
    """Make the untrained model."""
    config = MistralConfig(
        vocab_size=shape.VOCABULARY_SIZE,
        hidden_size=shape.HIDDEN_SIZE,
        intermediate_size=shape.FEED_FORWARD_SIZE,
        num_hidden_layers=shape.N_LAYERS,
        num_attention_heads=shape.N_HEADS,
        num_key_value_heads=shape.N_KV_HEADS,
        head_dim=shape.HEAD_SIZE,
        max_position_embeddings=shape.CONTEXT_TOKENS,
        rms_norm_eps=shape.NORM_EPSILON,
        rope_parameters={"rope_type": "default", "rope_theta": shape.ROPE_THETA},
        sliding_window=None,
        tie_word_embeddings=True,
        bos_token_id=tokens.BOS,
        eos_token_id=tokens.EOS,
        pad_token_id=tokens.PAD,
        attn_implementation="eager",  # faster than the fused one for short questions on a CPU
    )
    return MistralForCausalLM(config)


def load_model(folder: Path) -> MistralForCausalLM:
    """Load a model to train it further."""
    return MistralForCausalLM.from_pretrained(folder, attn_implementation="eager").float()


def train(
    tokenizer_path: Path,
    *,
    steps: int,
    limit_s: float,
    on_checkpoint: Callable[[MistralForCausalLM], None],
    start: Path | None = None,
) -> tuple[MistralForCausalLM, TrainingReport]:
    """Train for a number of steps, or for a time when the machine is busy, telling the progress."""
    torch.manual_seed(shape.SEED)
    model = load_model(start) if start else new_model()
    optimizers = make_optimizers(model)
    batches = make_batches(tokenizer_path, is_new=start is None)
    highest = FURTHER_RATE_RATIO if start else 1.0
    started_at, report = time.monotonic(), TrainingReport()
    while report.progress(steps, limit_s) < 1:
        set_rates(optimizers, highest * rate_ratio(report.steps, report.progress(steps, limit_s)))
        ids, labels = next(batches)
        loss = take_step(model, optimizers, ids, labels)
        report.add(ids, loss, duration_s=time.monotonic() - started_at)
        if report.steps % 25 == 0:
            print(report.line(), flush=True)
        if report.steps % CHECKPOINT_STEPS == 0:
            on_checkpoint(model)
    return model, report


def take_step(
    model: MistralForCausalLM,
    optimizers: list[torch.optim.Optimizer],
    ids: torch.Tensor,
    labels: torch.Tensor,
) -> float:
    """Learn from one batch; give its loss."""
    loss = answer_loss(model, ids, labels)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def make_optimizers(model: MistralForCausalLM) -> list[torch.optim.Optimizer]:
    """Share the parameters between the two optimizers."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=MATRIX_RATE, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=OTHER_RATE, weight_decay=0.01, betas=(0.9, 0.98)),
    ]


def set_rates(optimizers: list[torch.optim.Optimizer], ratio: float) -> None:
    """Set the learning rates to a share of their highest value."""
    for optimizer, highest in zip(optimizers, (MATRIX_RATE, OTHER_RATE), strict=True):
        for parameters in optimizer.param_groups:
            parameters["lr"] = highest * ratio


def rate_ratio(step: int, progress: float) -> float:
    """Warm up, stay, then go down in a straight line."""
    warm = min(1.0, (step + 1) / WARMUP_STEPS)
    left = min(1.0, max(0.0, (1 - progress) / (1 - DECAY_FROM)))
    return warm * (LAST_RATE_RATIO + (1 - LAST_RATE_RATIO) * left)


def answer_loss(model: MistralForCausalLM, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross entropy of the answer tokens; padding is on the right, so the causal mask is enough."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
        targets = labels[:, 1:]
        kept = targets != tokens.IGNORED_LABEL
        logits = model.lm_head(hidden[:, :-1][kept])
    return torch.nn.functional.cross_entropy(logits.float(), targets[kept])


def make_batches(tokenizer_path: Path, *, is_new: bool) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batch dialogues of like length, without end."""
    tokenizer = Tokenizer.from_file(str(tokenizer_path))
    rng = random.Random(shape.SEED + 1)
    dialogues = Writer(shape.SEED + (2 if is_new else 5)).dialogues()
    n_batches = 0 if is_new else SHORT_ANSWERS_FROM_STEP
    while True:
        chunk = itertools.islice(dialogues, CHUNK_DIALOGUES)
        examples = [tokens.encode(dialogue, tokenizer, rng) for dialogue in chunk]
        if n_batches >= SHORT_ANSWERS_FROM_STEP:
            examples = [shorten(e) if rng.random() < SHORT_ANSWER_RATIO else e for e in examples]
        batches = list(group(sorted(examples, key=lambda e: len(e[0]))))
        rng.shuffle(batches)
        n_batches += len(batches)
        yield from (pad(batch) for batch in batches)


def shorten(example: Example) -> Example:
    """Cut the last answer after its beginning."""
    ids, labels = example
    start = len(labels) - 1
    while labels[start] != tokens.IGNORED_LABEL:
        start -= 1
    end = start + 1 + SHORT_ANSWER_TOKENS
    return ids[:end], labels[:end]


def group(examples: list[Example]) -> Iterator[list[Example]]:
    """Group sorted examples so that each batch has about the same number of tokens."""
    batch: list[Example] = []
    for example in examples:
        length = min(len(example[0]), MAX_TOKENS)
        if batch and length * (len(batch) + 1) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(example)
    yield batch


def pad(batch: list[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack examples, padded on the right."""
    width = min(max(len(ids) for ids, _ in batch), MAX_TOKENS)
    ids = torch.full((len(batch), width), tokens.PAD)
    labels = torch.full((len(batch), width), tokens.IGNORED_LABEL)
    for row, (example_ids, example_labels) in enumerate(batch):
        n = min(len(example_ids), width)
        ids[row, :n] = torch.tensor(example_ids[:n])
        labels[row, :n] = torch.tensor(example_labels[:n])
    return ids, labels
