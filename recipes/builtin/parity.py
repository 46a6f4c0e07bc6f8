"""Checks that llama.cpp reads the GGUF as transformers reads the trained model: same tokens, same logits."""

from pathlib import Path
from typing import Final

import torch
from recipes.builtin import shape, tokens
from recipes.builtin.evaluate import Server
from tokenizers import Tokenizer
from transformers import MistralForCausalLM

LOGPROB_TOLERANCE: Final = 0.05  # the GGUF holds 16-bit weights
TEXTS: Final = (
    "Été à l'école, NAÏVE cœur ŒUVRE ß ẞ",
    "don't L'ÉTÉ iPhone GALERNE_HOME McDonald",
    "😀👋🏽 🇫🇷 fin",
    "2+2=4 12345 3.14 x²+½ ①",
    "你好,世界 こんにちは 안녕 Привет مرحبا नमस्ते",
    "def fib(n):\n    return n\n\n\n  x\t\r\n  ",
    "`galerne run [MODEL] [PROMPT]`",
)
QUESTIONS: Final = (
    "hello",
    "bonjour",
    "what does galerne fit do?",
    "Quelle est la capitale du Pérou ?",
    "16 GB",
)


def check(server: Server, folder: Path) -> float:
    """Compare both readings; give the largest difference of log-probability seen."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = MistralForCausalLM.from_pretrained(folder / "transformers").float().eval()
    for text in TEXTS:
        ours = tokens.ids_of(text, tokenizer)
        theirs = server.post("/tokenize", {"content": text, "add_special": False})["tokens"]
        if ours != theirs:
            raise ValueError(f"llama.cpp cuts {text!r} otherwise: {theirs}, not {ours}")
        if tokenizer.decode(ours) != text:
            raise ValueError(f"the tokenizer does not give {text!r} back")
    differences = [logprob_difference(server, model, tokenizer, question) for question in QUESTIONS]
    if max(differences) > LOGPROB_TOLERANCE:
        raise ValueError(f"log-probabilities differ by up to {max(differences):.3f}")
    return max(differences)


def logprob_difference(
    server: Server, model: MistralForCausalLM, tokenizer: Tokenizer, question: str
) -> float:
    """Compare the most likely first tokens of an answer."""
    ids = [tokens.BOS, tokens.INST, *tokens.ids_of(question, tokenizer), tokens.END_INST]
    messages = [{"role": "user", "content": question}]
    prompt = server.post("/apply-template", {"messages": messages})["prompt"]
    content = {"content": prompt, "add_special": True, "parse_special": True}
    if server.post("/tokenize", content)["tokens"] != ids:
        raise ValueError(f"the chat template does not give the training format for {question!r}")
    body = {"prompt": ids, "n_predict": 1, "temperature": 0, "n_probs": 5}
    first = server.post("/completion", body)["completion_probabilities"][0]
    with torch.no_grad():
        ours = torch.log_softmax(model(torch.tensor([ids])).logits[0, -1], dim=-1)
    return max(abs(float(ours[one["id"]]) - one["logprob"]) for one in first["top_logprobs"])


def main() -> None:
    """Check the GGUF of the working folder."""
    with Server.of(shape.WORK_FOLDER / shape.GGUF_NAME) as server:
        print(f"largest difference: {check(server, shape.WORK_FOLDER):.4f}")


if __name__ == "__main__":
    main()
