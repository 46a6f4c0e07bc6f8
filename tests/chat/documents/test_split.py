from hypothesis import given, settings
from hypothesis import strategies as st

from galerne.chat.documents.records import DocumentKind, Piece, Position, Reading
from galerne.chat.documents.split import split

WORDS = st.text(st.sampled_from("abc .\n"), min_size=1, max_size=4_000).filter(str.strip)


def reading(pieces, kind=DocumentKind.TEXT):
    return Reading(kind=kind, pieces=tuple(pieces))


@settings(max_examples=30)
@given(st.lists(st.tuples(WORDS, st.integers(1, 3)), min_size=1, max_size=8))
def test_no_word_is_lost_and_no_passage_is_long(parts):
    pieces = [Piece(text=text.strip(), position=Position(page=page)) for text, page in parts]
    found = split(reading(pieces))
    assert [passage.n for passage in found] == list(range(len(found)))
    assert max(len(passage.text) for passage in found) <= 1_200
    kept = "".join("".join(passage.text.split()) for passage in found)
    assert kept == "".join("".join(piece.text.split()) for piece in pieces)


def test_a_passage_stays_on_its_page_and_under_its_heading():
    places = [Position(page=1), Position(page=1), Position(page=2), Position(page=2, heading="End")]
    found = split(reading([Piece(text=f"text {n}", position=place) for n, place in enumerate(places)]))
    assert [(passage.text, passage.position.page) for passage in found] == [
        ("text 0\ntext 1", 1),
        ("text 2", 2),
        ("text 3", 2),
    ]


def test_rows_of_a_table_carry_its_first_row_and_know_their_numbers():
    rows = [
        Piece(
            text="wind | speed" if n == 1 else f"wind {n} | {'9' * 40}",
            position=Position(first_row=n, last_row=n),
        )
        for n in range(1, 61)
    ]
    found = split(reading(rows, DocumentKind.CSV))
    assert len(found) > 1
    assert all(passage.text.startswith("wind | speed\n") for passage in found)
    assert (
        found[1].position.first_row == found[0].position.last_row + 1 if found[0].position.last_row else True
    )
