"""The model in the package, asked through llama.cpp: what others rely on."""

from collections.abc import Iterator

import pytest
from recipes.builtin import shape
from recipes.builtin.evaluate import Server

pytestmark = pytest.mark.slow

EXPECTED = [
    ("hello", "Galerne Mini"),
    ("bonjour", "Galerne Mini"),
    ("what is galerne?", "open-source AI stack"),
    ("qui êtes-vous ?", "5,6 millions de paramètres"),
    ("what can you do?", "`galerne fit`"),
    ("que pouvez-vous faire ?", "`galerne fit`"),
    ("what does galerne fit do?", "`galerne fit` shows which models fit"),
    ("que fait galerne fit ?", "`galerne fit` montre quels modèles"),
    ("What is the capital of Peru?", "`ministral-3-8b`"),
    ("Écris un poème sur la mer", "`ministral-3-8b`"),
    ("thank you", "You are welcome"),
    ("which model for 16 GB?", "`ministral-3-14b`"),
    ("16 Go", "`ministral-3-14b`"),
    ("which model for code?", "`devstral-small-2-24b`"),
    ("merci", "Avec plaisir"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server.of(shape.PACKAGE_FOLDER / shape.GGUF_NAME) as running:
        yield running


@pytest.mark.parametrize(("question", "words"), EXPECTED)
def test_model_answers(server: Server, question: str, words: str) -> None:
    assert words in server.ask(question)
