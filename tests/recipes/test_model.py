"""The model in the package, asked through llama.cpp: what others rely on."""

from collections.abc import Iterator

import pytest
from recipes.builtin import shape, texts
from recipes.builtin.evaluate import Server

from galerne.language import Language, phrases_as_typed

pytestmark = pytest.mark.slow

EXPECTED = [
    ("hello", "I am Galerne Mini, the small guide"),
    ("hi", "I am Galerne Mini, the small guide"),
    ("bonjour", "Je suis Galerne Mini, le petit guide"),
    ("salut", "Je suis Galerne Mini, le petit guide"),
    ("who are you?", "5.6 million parameters"),
    ("what's your name?", "I am Galerne Mini, the tiny model"),
    ("qui êtes-vous ?", "5,6 millions de paramètres"),
    ("Qui es-tu ?", "Je suis Galerne Mini, le tout petit modèle"),
    ("who made you?", "The Galerne engineers made me"),
    ("are you ChatGPT?", "No, I am Galerne Mini"),
    ("is this Le Chat?", "No, I am Galerne Mini"),
    ("are you a human?", "I am a program, not a person"),
    ("what can you do?", "`galerne fit`"),
    ("help", "I can help with Galerne"),
    ("que pouvez-vous faire ?", "`galerne fit`"),
    ("what is galerne?", "open-source AI stack"),
    ("what does galerne fit do?", "`galerne fit` shows which models fit"),
    ("que fait galerne fit ?", "`galerne fit` montre quels modèles"),
    ("what does galerne serve do?", "`galerne serve` starts the daemon"),
    ("how do I download a model?", "galerne pull"),
    ("comment télécharger un modèle ?", "galerne pull"),
    ("What is a receipt?", "line under each answer"),
    ("What is the capital of Peru?", "`ministral-3-8b`"),
    ("Écris un poème sur la mer", "`ministral-3-8b`"),
    ("tell me a joke", "Writing is beyond me"),
    ("2+2", "Calculation is beyond me"),
    ("which model for 8 GB of RAM?", "`ministral-3-8b`"),
    ("which model for 16 GB?", "`ministral-3-14b`"),
    ("16 Go", "`ministral-3-14b`"),
    ("which model for code?", "`devstral-small-2-24b`"),
    ("how are you today?", "All is well here"),
    ("thank you", "You are welcome"),
    ("merci", "Avec plaisir"),
    ("bye", "Goodbye, and see you soon"),
]
EXPECTED_FRENCH_INTENTS = [
    ("au revoir", "goodbye"),
    ("à bientôt", "goodbye"),
    ("êtes-vous ChatGPT ?", "not_other"),
    ("es-tu Mistral ?", "not_other"),
    ("qui vous a créé ?", "maker"),
    ("aide", "capabilities"),
    ("Qu'est-ce que Galerne ?", "galerne_what"),
    ("c'est quoi galerne ?", "galerne_what"),
    ("à quoi sert galerne serve ?", "cmd_serve"),
    ("C'est quoi un reçu ?", "receipt"),
    ("raconte-moi une blague", "oos_writing"),
    ("combien font 2 et 2 ?", "oos_math"),
    ("Quelle est la capitale du Pérou ?", "oos_general"),
    ("j'ai 8 Go de RAM, quel modèle ?", "rec_8b"),
    ("quel modèle pour le code ?", "rec_code"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server.of(shape.PACKAGE_FOLDER / shape.GGUF_NAME) as running:
        yield running


@pytest.mark.parametrize(("question", "words"), EXPECTED)
def test_model_answers(server: Server, question: str, words: str) -> None:
    assert words in server.ask(question)


@pytest.mark.parametrize(("question", "intent"), EXPECTED_FRENCH_INTENTS)
def test_model_answers_in_french(server: Server, question: str, intent: str) -> None:
    assert server.ask(question) == texts.read_answers("fr")[intent]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("I am Galerne Mini", "I explain its commands and recommend a model")),
        ("fr", ("Je suis Galerne Mini", "J'explique ses commandes et je recommande un modèle")),
    ],
)
def test_model_answers_the_first_question_of_the_command_line(
    server: Server, language: str, words: tuple[str, ...]
) -> None:
    answer = server.ask(phrases_as_typed("galerne.cli", Language(language))["built_in_question"])
    assert all(part in answer for part in words)
