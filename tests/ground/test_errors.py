import dataclasses
import pickle
import re
import types
import typing

import pytest

from galerne import errors
from galerne.errors import (
    ContextTooLong,
    DoesNotFit,
    EngineCrashed,
    GalerneError,
    MeterUnavailable,
    NoNode,
    Overloaded,
    UnknownModel,
    UnknownRoute,
    leaves,
)

LEAVES = leaves()
EXAMPLES = {str: "galerne-mini", int: 7, float: 2.5, dict: {"local": "starting"}, tuple: ("GET", "POST")}


def facts_of(leaf: type[GalerneError]) -> dict[str, object]:
    hints = typing.get_type_hints(leaf)
    return {field.name: _example(hints[field.name]) for field in dataclasses.fields(leaf)}


def _example(hint: object) -> object:
    if isinstance(hint, types.UnionType):
        hint = next(kind for kind in typing.get_args(hint) if kind is not type(None))
    return EXAMPLES[typing.get_origin(hint) or hint]


def required_facts(leaf: type[GalerneError]) -> list[str]:
    missing = dataclasses.MISSING
    return [
        field.name
        for field in dataclasses.fields(leaf)
        if field.default is missing and field.default_factory is missing
    ]


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_a_failure_crosses_processes_with_its_facts(leaf):
    failure = leaf(**facts_of(leaf))
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        copy = pickle.loads(pickle.dumps(failure, protocol=protocol))
        assert type(copy) is leaf
        assert copy.facts() == failure.facts() == facts_of(leaf)
        assert str(copy) == str(failure)
        assert copy.advice == failure.advice


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_a_failure_keeps_its_cause_and_is_caught_as_its_family(leaf):
    family = leaf.__mro__[1]
    cause = OSError("disk")
    with pytest.raises(family) as caught:
        raise leaf(**facts_of(leaf)) from cause
    assert caught.value.__cause__ is cause
    assert issubclass(family, GalerneError)
    assert family is not GalerneError


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_a_failure_without_its_facts_is_our_own_mistake(leaf):
    facts = facts_of(leaf)
    for name in required_facts(leaf):
        with pytest.raises(TypeError, match=name):
            leaf(**{key: value for key, value in facts.items() if key != name})
    with pytest.raises(TypeError, match="surprise"):
        leaf(**facts, surprise=1)
    with pytest.raises(TypeError, match="positional"):
        leaf(*facts.values(), "one more")


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_a_failure_says_what_happened_with_every_required_fact_and_no_brace(leaf):
    text = str(leaf(**facts_of(leaf)))
    assert text
    assert not re.search(r"[{}]", text)
    assert text[0] == text[0].upper() or text.startswith("galerne-mini")
    assert not text.endswith(".")


def test_codes_are_snake_case_unique_and_the_name():
    codes = [leaf.code for leaf in LEAVES]
    assert len(set(codes)) == len(codes)
    for leaf in LEAVES:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", leaf.code)
        assert leaf.code.replace("_", "") == leaf.__name__.lower()
    assert ContextTooLong.code == "context_too_long"


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = [
        (len(indent) // 4, name)
        for indent, name in re.findall(r"^    ((?:[│ ]   )*)[├└]── (\w+)", errors.__doc__, re.MULTILINE)
    ]

    def walk(parent, depth):
        for child in parent.__subclasses__():
            yield depth, child.__name__
            yield from walk(child, depth + 1)

    assert drawn == list(walk(GalerneError, 0))


def test_equal_facts_do_not_make_one_failure():
    one, other = (UnknownModel(model="a", nearest="b") for _ in range(2))
    assert one != other
    assert len({one, other}) == 2


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (UnknownModel(model="minstral", nearest="ministral"), "did you mean 'ministral'?"),
        (UnknownModel(model="x"), "The model 'x' is not on this server"),
        (ContextTooLong(prompt_tokens=9000, context_tokens=8192), "9000 tokens and the context holds 8192"),
        (Overloaded(n_waiting=3, retry_after_s=2.4), "3 requests are waiting already; retry in 2 s"),
        (DoesNotFit(needed_bytes=8_000_000_000, free_bytes=2_500_000_000), "8.00 GB and 2.50 GB are free"),
        (DoesNotFit(needed_bytes=2, free_bytes=1, smallest_fit="galerne-mini"), "galerne-mini would fit"),
        (MeterUnavailable(meter="rapl", why="closed", how_to_grant="chmod"), "closed (chmod)"),
        (NoNode(rejected={"a": "starting", "b": "serves x"}), "(a: starting; b: serves x)"),
        (NoNode(rejected={}), "(there is none)"),
        (UnknownRoute(method="PUT", path="/v1", allowed=("GET",)), "/v1 answers GET, not PUT"),
        (UnknownRoute(method="GET", path="/x"), "Nothing is served at /x"),
        (EngineCrashed(engine="llama.cpp", exit_code=-9, tail="secret"), "stopped (exit code -9)"),
    ],
    ids=lambda value: value.code if isinstance(value, GalerneError) else "",
)
def test_the_sentence_gives_the_limit_and_the_value(failure, text):
    assert text in str(failure)
    assert "secret" not in str(failure)
