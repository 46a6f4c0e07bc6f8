import pytest

from galerne.language import (
    Language,
    environment_language,
    phrases,
    phrases_as_typed,
    preferred_language,
    typeset,
)

SPEAKING_PARTS = ["galerne.api", "galerne.chat", "galerne.cli", "galerne.machine"]


@pytest.mark.parametrize(
    ("tags", "language"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", Language.FRENCH),
        ("en-GB,fr;q=0.9", Language.ENGLISH),
        ("de-DE,de;q=0.9,fr;q=0.8,en;q=0.7", Language.FRENCH),
        ("de, es", Language.ENGLISH),
        ("FR", Language.FRENCH),
        (" fr ; q=1", Language.FRENCH),
        ("*", Language.ENGLISH),
        ("", Language.ENGLISH),
        (None, Language.ENGLISH),
        (",,;=", Language.ENGLISH),
        ("fr_FR.UTF-8", Language.FRENCH),
        ("de:fr:en", Language.FRENCH),
        ("C.UTF-8", Language.ENGLISH),
    ],
)
def test_the_first_language_we_speak_is_taken(tags, language):
    assert preferred_language(tags) is language


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, Language.ENGLISH),
        ({"LANG": "fr_FR.UTF-8"}, Language.FRENCH),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": "en_US.UTF-8"}, Language.ENGLISH),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": ""}, Language.FRENCH),
        ({"LC_ALL": "C", "GALERNE_LANGUAGE": "fr"}, Language.FRENCH),
        ({"LC_MESSAGES": "fr_CA", "LANG": "en_CA"}, Language.FRENCH),
    ],
)
def test_a_terminal_speaks_its_locale_unless_told(environ, language):
    assert environment_language(environ) is language


@pytest.mark.parametrize("package", SPEAKING_PARTS)
def test_a_part_says_the_same_things_in_both_languages(package):
    english, french = (phrases(package, language) for language in Language)
    assert english.keys() == french.keys()
    assert english != french
    assert phrases(package, Language.FRENCH) is french


def test_a_part_without_phrases_is_our_own_mistake():
    with pytest.raises(FileNotFoundError):
        phrases("galerne.perf", Language.ENGLISH)


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("Laquelle ? L'une !", "Laquelle\u202f? L’une\u202f!"),
        ("Écrit : {path} ; voilà", "Écrit\u00a0: {path}\u202f; voilà"),
        ("« {name} »", "«\u00a0{name}\u00a0»"),
        ("le 12:30, `a:b`, http://c?d", "le 12:30, `a:b`, http://c?d"),
    ],
)
def test_french_is_printed_with_its_own_spaces_and_apostrophes_however_it_was_typed(typed, printed):
    assert typeset(typed) == printed
    assert typeset(printed) == printed


def test_what_a_model_is_asked_stays_as_it_was_typed():
    asked = phrases_as_typed("galerne.cli", Language.FRENCH)["built_in_question"]
    assert not {"\u202f", "\u00a0"} & set(asked)
    assert phrases("galerne.cli", Language.FRENCH)["built_in_question"] == typeset(asked) != asked
