import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.chat.blocks import BlockStream, provisional, split_blocks

PIECES = [
    "word ", "**bold** ", "- item\n", "  more\n", "1. one\n", "2) two\n", "\n", "\n\n", "```py\n", "```\n",
    "~~~\n", "# head\n", "| a | b |\n", "|---|---|\n", "| 1 | 2 |\n", "$$\n", "$$", "$x^2$ ", "\\[\n",
    "\\]\n", "> quote\n", "---\n", "===\n", "    code\n", "[a]: http://x.org\n", "[a] ", "<b>",
    "![i](http://e.org/p.png)", "`", "\t", "\r\n", "\\", "&amp;", "* * *\n", "- ", "\n- ", "+ x\n\n",
    "<!-- c -->\n",
]  # fmt: skip
documents = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=40).map("".join)


@st.composite
def chunked(draw):
    text = draw(documents)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=30)))
    ends = [*cuts, len(text)]
    return text, [text[start:end] for start, end in zip([0, *cuts], ends, strict=True)]


@given(chunked())
def test_any_chunking_gives_the_cut_of_the_whole(sample):
    text, chunks = sample
    stream = BlockStream()
    for chunk in chunks:
        before = tuple(stream.sealed)
        stream.feed(chunk)
        assert tuple(stream.sealed[: len(before)]) == before
    assert stream.finish() == split_blocks(text)


@given(documents)
def test_cutting_again_changes_nothing(text):
    for block in split_blocks(text):
        assert split_blocks(block) == (block,)


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("a\n\nb", ("a", "b")),
        ("- a\n\n- b\n\n1. c\n\n2. d", ("- a\n\n- b", "1. c\n\n2. d")),
        ("```\na\n\nb\n```\nc", ("```\na\n\nb\n```", "c")),
        ("$$\na\n# b\n$$\nc", ("$$\na\n# b\n$$", "c")),
        ("$$ stray\n\nnext", ("$$ stray", "next")),
        ("| a |\n|---|\n| 1 |\n\nz", ("| a |\n|---|\n| 1 |", "z")),
        ("   \n\n", ()),
    ],
)
def test_where_blocks_begin(text, blocks):
    assert split_blocks(text) == blocks


@pytest.mark.parametrize(
    ("tail", "closed"),
    [
        ("a **b", "a **b**"),
        ("a `b", "a `b`"),
        ("**b**", "**b**"),
        ("```\n**", "```\n**"),
        ("$$\nx", "$$\nx$$"),
    ],
)
def test_unfinished_marks_are_closed(tail, closed):
    assert provisional(tail) == closed
