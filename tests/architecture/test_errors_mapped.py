import dataclasses
import pickle
import re
import types
import typing

import pytest

from galerne import errors
from galerne.api.problems import PROBLEMS, Dialect, body_of, headers_of, status_of
from galerne.errors import GalerneError, leaves
from galerne.language import Language, phrases

LEAVES = leaves()
SAMPLES = {str: "a", int: 3, float: 2.5, dict: {"a": "b"}, tuple: ("a",), type(None): None}


def example(leaf: type[GalerneError]) -> GalerneError:
    hints = typing.get_type_hints(leaf)
    return leaf(**{field.name: sample(hints[field.name]) for field in dataclasses.fields(leaf)})


def sample(hint):
    if isinstance(hint, types.UnionType):
        hint = typing.get_args(hint)[0]
    return SAMPLES[typing.get_origin(hint) or hint]


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_every_failure_is_mapped_documented_and_survives_pickling(leaf):
    failure = example(leaf)
    assert leaf.code in PROBLEMS
    assert re.search(rf"[├└]── {leaf.__name__} ", errors.__doc__)
    copy = pickle.loads(pickle.dumps(failure))
    assert type(copy) is leaf
    assert copy.facts() == failure.facts()
    assert str(copy) == str(failure)
    assert leaf.__doc__.strip().endswith(".")
    assert leaf.advice.endswith(".")


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
@pytest.mark.parametrize("dialect", Dialect)
def test_every_failure_reads_well_in_both_dialects(leaf, dialect):
    failure = example(leaf)
    status = status_of(failure, dialect)
    body = body_of(failure, dialect, Language.FRENCH)
    words = body["error"] if dialect is Dialect.OPENAI else body
    assert 400 <= status < 600
    assert words["message"] == str(failure)
    assert words["galerne_code"] == leaf.code
    assert words["advice"] == phrases("galerne.api", Language.FRENCH)[leaf.code]
    assert (status == 503 and "retry-after" not in headers_of(failure)) <= (leaf.code == "data_folder_busy")


def test_the_tree_in_the_docstring_names_no_failure_that_is_not():
    named = set(re.findall(r"[├└]── (\w+)", errors.__doc__))
    branches = {parent.__name__ for leaf in LEAVES for parent in leaf.__mro__[1:-3]}
    assert named == {leaf.__name__ for leaf in LEAVES} | branches - {"GalerneError"}


def test_codes_are_unique_and_the_table_has_no_other():
    codes = [leaf.code for leaf in LEAVES]
    assert len(codes) == len(set(codes))
    assert set(PROBLEMS) == {*codes, "internal_error"}


def test_advice_in_english_is_said_once():
    english = dict(phrases("galerne.api", Language.ENGLISH))
    assert english.pop("internal_error") == GalerneError.advice
    assert english == {leaf.code: leaf.advice for leaf in LEAVES}
