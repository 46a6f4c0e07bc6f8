"""The operator's page, and the developer's, which its own browser fills with the developer's own key."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from galerne.chat.house import view_operator
from galerne.chat.house.charts import HEIGHT, WIDTH
from galerne.chat.web import pages
from galerne.chat.web.door import Door
from galerne.chat.web.parts import House, Web
from galerne.errors import GalerneError
from galerne.language import phrases

PACKAGE = "galerne.chat.house"
DAYS = (7, 30)
GROUPS = ("total", "day", "model", "key")


async def show_operator(house: House, _: Web, request: Request) -> Response:
    """``GET /operator``: usage, energy, money, the grid and the line; ``?days=7`` for a week."""
    language = pages.language_of(request)
    days = 7 if request.query_params.get("days") == "7" else 30
    since = (datetime.now(tz=UTC) - timedelta(days=days - 1)).date().isoformat()
    client = house.client
    try:
        *reports, chain, queue, prices = await asyncio.gather(
            *(client.usage(group_by=group, since=since) for group in GROUPS),
            client.chain(),
            client.queue(),
            client.prices(),
        )
    except GalerneError as error:
        return pages.problem_page(request, "offline_title", status=503, advice=error.code)
    view = view_operator(dict(zip(GROUPS, reports, strict=True)), chain, queue, prices, language=language)
    return pages.house_page(
        request,
        "operator.html",
        words=phrases(PACKAGE, language),
        view=view,
        days=days,
        choices=DAYS,
        size=(WIDTH, HEIGHT),
    )


async def show_developer(_: Door, request: Request) -> Response:
    """``GET /developer``: open to everybody, for it holds nothing: the browser asks the API itself."""
    words = phrases(PACKAGE, pages.language_of(request))
    base = str(request.base_url).rstrip("/")
    return pages.house_page(
        request,
        "developer.html",
        words=words,
        words_json=json.dumps(dict(words), ensure_ascii=False),
        snippets=_snippets(base),
    )


def _snippets(base: str) -> tuple[tuple[str, str], ...]:
    ask = '{"model": "default", "messages": [{"role": "user", "content": "Hello"}]}'
    return (
        (
            "curl",
            (
                f"curl {base}/v1/chat/completions \\\n"
                '  -H "Authorization: Bearer $GALERNE_API_KEY" \\\n'
                f"  -H \"Content-Type: application/json\" \\\n  -d '{ask}'"
            ),
        ),
        (
            "Python, openai",
            (
                "import os\n\nfrom openai import OpenAI\n\n"
                f'client = OpenAI(base_url="{base}/v1", api_key=os.environ["GALERNE_API_KEY"])\n'
                'answer = client.chat.completions.create(model="default", '
                'messages=[{"role": "user", "content": "Hello"}])\n'
                "print(answer.choices[0].message.content, answer.usage.galerne)"
            ),
        ),
        (
            "Python, mistralai",
            (
                "import os\n\nfrom mistralai import Mistral\n\n"
                f'client = Mistral(server_url="{base}", api_key=os.environ["GALERNE_API_KEY"])\n'
                'answer = client.chat.complete(model="default", '
                'messages=[{"role": "user", "content": "Hello"}])\n'
                "print(answer.choices[0].message.content)"
            ),
        ),
    )
