import httpx
import pytest

from galerne.chat.tools.fetch import LARGEST_BYTES, fetch, fetch_image
from galerne.chat.tools.web_page import text_of
from galerne.errors import AddressRefused

PUBLIC = "93.184.215.14"
NAMES = {"example.org": [PUBLIC], "inside.example": ["10.0.0.7"], "both.example": [PUBLIC, "127.0.0.1"]}


async def resolve(host, port):
    return NAMES.get(host, [host.strip("[]")] if host[:1].isdigit() or ":" in host else [])


def network(reply):
    """A network that records which addresses were really asked."""
    asked = []

    def answer(request):
        asked.append((str(request.url), request.headers["host"], request.extensions.get("sni_hostname")))
        return reply(request)

    return httpx.MockTransport(answer), asked


@pytest.mark.anyio
async def test_a_public_page_is_fetched_from_the_address_that_was_checked():
    transport, asked = network(
        lambda _: httpx.Response(200, text="<p>hi</p>", headers={"content-type": "text/html"})
    )
    page = await fetch("https://example.org/a?b=1", resolve=resolve, transport=transport)
    assert (page.status, page.kind, page.body) == (200, "text/html", b"<p>hi</p>")
    assert asked == [(f"https://{PUBLIC}/a?b=1", "example.org", "example.org")]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://0.0.0.0/",
        "http://10.1.2.3/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:a00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://inside.example/",
        "http://both.example/",
        "http://unknown.example/",
        "http://user:pass@example.org/",
        "http://example.org:22/",
        "http://example.org:4747/",
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://example.org/",
        "data:text/html,hi",
        "//example.org",
        "http://",
        "http://[",
        "http://example.org:99999/",
    ],
)
@pytest.mark.anyio
async def test_whatever_reaches_inside_is_refused_before_anything_is_sent(url):
    transport, asked = network(lambda _: httpx.Response(200))
    with pytest.raises(AddressRefused):
        await fetch(url, resolve=resolve, transport=transport)
    assert asked == []


@pytest.mark.anyio
async def test_a_redirect_is_checked_like_the_first_address():
    transport, asked = network(lambda _: httpx.Response(302, headers={"location": "http://169.254.169.254/"}))
    with pytest.raises(AddressRefused, match="not public"):
        await fetch("https://example.org/", resolve=resolve, transport=transport)
    assert len(asked) == 1


@pytest.mark.anyio
async def test_a_name_that_changes_between_two_looks_changes_nothing():
    answers = iter([[PUBLIC], ["127.0.0.1"]])

    async def rebinding(host, port):
        return next(answers)

    transport, asked = network(lambda _: httpx.Response(200, text="ok"))
    await fetch("http://example.org/", resolve=rebinding, transport=transport)
    assert asked[0][0].startswith(f"http://{PUBLIC}")
    with pytest.raises(AddressRefused):
        await fetch("http://example.org/", resolve=rebinding, transport=transport)


@pytest.mark.anyio
async def test_redirects_in_a_circle_end():
    transport, asked = network(lambda _: httpx.Response(301, headers={"location": "/again"}))
    with pytest.raises(AddressRefused, match="redirects"):
        await fetch("http://example.org/", resolve=resolve, transport=transport)
    assert len(asked) == 6


@pytest.mark.anyio
async def test_a_page_without_end_is_cut():
    transport, _ = network(lambda _: httpx.Response(200, content=b"x" * (LARGEST_BYTES + 5)))
    page = await fetch("http://example.org/", resolve=resolve, transport=transport)
    assert page.cut
    assert len(page.body) == LARGEST_BYTES


@pytest.mark.anyio
async def test_of_a_page_the_words_remain():
    html = "<title>T</title><script>evil()</script><nav>menu</nav><p>Hello</p><style>p{}</style>"
    transport, _ = network(lambda _: httpx.Response(200, text=html, headers={"content-type": "text/html"}))
    page = await fetch("http://example.org/x", resolve=resolve, transport=transport)
    text = text_of(page)
    assert "Hello" in text
    assert "evil" not in text
    assert "menu" not in text


@pytest.mark.anyio
async def test_an_image_is_asked_for_as_one_and_a_failure_is_none():
    replies = iter([httpx.Response(200, content=b"bytes"), httpx.Response(404)])
    asked = []

    def answer(request):
        asked.append(request.headers["accept"])
        return next(replies)

    transport = httpx.MockTransport(answer)
    assert await fetch_image("https://example.org/a", resolve=resolve, transport=transport) == b"bytes"
    assert asked[0].startswith("image/png")
    with pytest.raises(AddressRefused, match="status 404"):
        await fetch_image("https://example.org/a", resolve=resolve, transport=transport)
