"""The recipe of the built-in model, without its training: text, grammar, and the file in the package."""

import itertools
import json
import re
import unicodedata

import pytest
import typer
from jinja2.sandbox import ImmutableSandboxedEnvironment
from recipes.builtin import shape, texts
from recipes.builtin.dialogues import Dialogue, Writer
from recipes.builtin.grammar import Grammar

from galerne.cli.app import app

COMMANDS = {*typer.main.get_command(app).commands, "--help", "COMMAND", "COMMANDE"}
MODELS = {
    "ministral-3-3b", "ministral-3-8b", "ministral-3-14b", "mistral-small-3.2-24b", "mistral-small-4-119b",
    "devstral-small-2-24b", "ministral-3-8b-reasoning", "ministral-3-14b-reasoning",
}  # fmt: skip
GGUF = shape.PACKAGE_FOLDER / shape.GGUF_NAME


def sample(seed: int, count: int) -> list[Dialogue]:
    return list(itertools.islice(Writer(seed).dialogues(), count))


def plain(text: str) -> str:
    letters = unicodedata.normalize("NFD", text.lower())
    return "".join(char for char in letters if char.isalnum())


def test_same_seed_same_dialogues() -> None:
    assert sample(7, 300) == sample(7, 300)
    assert sample(7, 20) != sample(8, 20)


def test_both_languages_have_the_same_intents_and_every_intent_is_asked() -> None:
    english, french = (texts.read_answers(language) for language in shape.LANGUAGES)
    assert list(english) == list(french)
    for language in shape.LANGUAGES:
        assert set(texts.read_questions(language)) == set(english)


def test_dialogues_cover_both_languages_and_every_intent() -> None:
    turns = [turn for dialogue in sample(1, 6000) for turn in dialogue.turns]
    assert {turn.intent for turn in turns} == set(texts.read_answers("en"))
    french = sum(turn.language == "fr" for turn in turns) / len(turns)
    assert 0.4 < french < 0.6
    assert all(turn.question.strip() for turn in turns)


@pytest.mark.parametrize("language", shape.LANGUAGES)
def test_every_template_expands(language: str) -> None:
    writer = Writer(3)
    for templates in texts.read_questions(language).values():
        for template in templates:
            for _ in range(5):
                question = writer.grammars[language].expand(template, writer.rng)
                assert question
                assert "{ask_" not in question


@pytest.mark.parametrize("language", shape.LANGUAGES)
def test_answers_name_only_commands_and_models_that_exist(language: str) -> None:
    for intent, answer in texts.read_answers(language).items():
        for quoted in re.findall(r"`galerne ([^` ]+)[^`]*`", answer):
            assert quoted in COMMANDS, (intent, quoted)
        for model in re.findall(r"(?:ministral|mistral-small|devstral)[-0-9a-z.]+[0-9a-z]", answer):
            assert model in MODELS, (intent, model)


@pytest.mark.parametrize("language", shape.LANGUAGES)
def test_answers_are_short_and_different(language: str) -> None:
    answers = texts.read_answers(language)
    assert len(set(answers.values())) == len(answers)
    assert max(len(answer) for answer in answers.values()) < 700


@pytest.fixture(scope="module")
def trained() -> set[str]:
    """Every question of twelve thousand dialogues that the model is trained on."""
    return {
        plain(turn.question)
        for seed in (shape.SEED + 2, shape.SEED + 5)
        for dialogue in sample(seed, 6000)
        for turn in dialogue.turns
    }


@pytest.mark.parametrize("language", shape.LANGUAGES)
@pytest.mark.parametrize(("name", "least"), [("heldout", 150), ("everyday", 45)])
def test_held_out_phrasings_are_not_trained_on(
    language: str, name: str, least: int, trained: set[str]
) -> None:
    held_out = texts.read_held_out(language, name)
    spoken = [question for _, question in held_out if len(plain(question)) > 8]
    assert len(held_out) >= least
    assert {intent for intent, _ in held_out} <= set(texts.read_answers(language))
    assert [question for question in spoken if plain(question) in trained] == []


def test_a_phrasing_that_is_held_out_is_written_again() -> None:
    writer = Writer(5)
    writer.questions["en"]["identity"] = ["tell me your name please", "what is your name"]
    questions = {plain(writer.turn("identity", "en").question) for _ in range(200)}
    assert "whatisyourname" in questions
    assert "tellmeyournameplease" not in questions


def test_grammar_handles_choices_slots_macros_and_escapes() -> None:
    writer = Writer(1)
    grammar = Grammar(words={"raw_code": ["a<b>{c}"], "pet": ["<cat|cat>"]}, macros={"twice": ["$ $"]})
    assert grammar.expand(r"x {raw_code} \<{pet}\>", writer.rng) == "x a<b>{c} <cat>"
    assert grammar.expand("{twice:<dog|dog>}", writer.rng) == "dog dog"


def test_model_counts_its_parameters() -> None:
    assert 5_000_000 < shape.n_parameters() < 7_000_000
    assert f"{shape.n_parameters() / 1e6:.1f} million" in texts.read_answers("en")["identity"]
    assert shape.millions_of_parameters("fr") in texts.read_answers("fr")["identity"]


def render(messages: list[dict[str, object]]) -> str:
    source = (shape.TEXT_FOLDER / "chat_template.jinja").read_text(encoding="utf-8").strip()
    template = ImmutableSandboxedEnvironment().from_string(source)
    return template.render(messages=messages, bos_token="<s>", eos_token="</s>")


def test_chat_template_writes_the_v7_tekken_format() -> None:
    text = render(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "fit?"}],
            },
        ]
    )
    assert text == (
        "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]Hello[/INST]Hi.</s>[INST]What is fit?[/INST]"
    )


@pytest.mark.parametrize("roles", list(itertools.product(["system", "user", "assistant", "tool"], repeat=3)))
def test_chat_template_accepts_any_order_of_roles(roles: tuple[str, ...]) -> None:
    text = render([{"role": role, "content": None if role == "assistant" else role} for role in roles])
    assert text.startswith("<s>")


def test_package_holds_a_small_gguf_and_its_card() -> None:
    assert GGUF.stat().st_size <= shape.GGUF_LIMIT_BYTES
    with GGUF.open("rb") as file:
        assert file.read(4) == b"GGUF"
    card = (shape.PACKAGE_FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"{shape.n_parameters():,}" in card


def test_tokens_of_python_examples_are_valid_json_or_code() -> None:
    for language in shape.LANGUAGES:
        answers = texts.read_answers(language)
        code = answers["python_openai"].split("```python\n")[1].split("```")[0]
        compile(code, "example", "exec")
        body = answers["curl"].split("-d '")[1].split("'")[0]
        assert json.loads(body)["model"] == "galerne-mini"
