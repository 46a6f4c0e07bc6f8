"""Pages and fragments as HTML, in the reader's language and theme."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from galerne.chat.chain_view import ChainView
from galerne.chat.receipt_view import view_receipt
from galerne.chat.store import ChatMessage, Conversation, MessageStatus
from galerne.chat.web.assets import asset_path
from galerne.chat.web.chain import SPARK_HEIGHT, SPARK_WIDTH, spark_path
from galerne.chat.web.markdown import render_page
from galerne.language import Language, phrases, preferred_language

LANGUAGE_COOKIE = "galerne-language"
THEME_COOKIE = "galerne-theme"

_PACKAGE = "galerne.chat"
_SUGGESTIONS = ("suggest_1", "suggest_2", "suggest_3", "suggest_4")


def language_of(request: Request) -> Language:
    """What the reader chose, else what the browser prefers."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return (
        Language(chosen)
        if chosen in set(Language)
        else preferred_language(request.headers.get("accept-language"))
    )


def conversation_page(
    request: Request,
    *,
    conversation_id: str | None,
    thread: Sequence[ChatMessage],
    conversations: Sequence[Conversation],
    models: Sequence[dict[str, Any]],
    problem: str,
) -> HTMLResponse:
    """A conversation, or the start of one."""
    say = phrases(_PACKAGE, language_of(request))
    used = [message.model_id for message in thread if message.model_id]
    current = [entry for entry in conversations if entry.id == conversation_id]
    return _page(
        request,
        "conversation.html",
        conversation_id=conversation_id or "",
        title=current[0].title if current else say["new_conversation"],
        turns=[_turn(message, language_of(request)) for message in thread],
        conversations=conversations,
        current=conversation_id,
        models=[{"id": entry["id"], "name": entry.get("name") or entry["id"]} for entry in models],
        model=used[-1] if used else (models[0]["id"] if models else ""),
        problem=problem,
        advice=advice_for(problem, language_of(request)) if problem else "",
        suggestions=[say[key] for key in _SUGGESTIONS],
    )


def turns_fragment(request: Request, messages: Sequence[ChatMessage]) -> str:
    """Messages to append to the page."""
    turns = [_turn(message, language_of(request)) for message in messages]
    return _render(request, "turns.html", turns=turns)


def foot_fragment(request: Request, message: ChatMessage) -> HTMLResponse:
    """What stands under an answer."""
    html = _render(request, "foot.html", turn=_turn(message, language_of(request), with_blocks=False))
    return HTMLResponse(html)


def history_fragment(
    request: Request, conversations: Sequence[Conversation], *, current: str | None
) -> HTMLResponse:
    """The list of conversations."""
    return HTMLResponse(_render(request, "history.html", conversations=conversations, current=current))


def chain_page(request: Request, view: ChainView) -> HTMLResponse:
    """The chain on one screen."""
    return _page(
        request,
        "chain.html",
        view=view,
        spark_path=spark_path,
        spark=(SPARK_WIDTH, SPARK_HEIGHT),
    )


def key_page(request: Request, *, wrong: bool) -> HTMLResponse:
    """Asks for the key."""
    return _page(request, "key.html", status=401, wrong=wrong)


def problem_page(request: Request, phrase: str, *, status: int, advice: str = "") -> HTMLResponse:
    """Says what went wrong and what to do."""
    text = advice_for(advice, language_of(request)) if advice else ""
    return _page(request, "problem.html", status=status, phrase=phrase, advice=text)


def advice_for(problem_code: str, language: Language) -> str:
    """What a person can do about a problem."""
    say = phrases(_PACKAGE, language)
    return say.get(f"advice_{problem_code}", say["advice_other"])


def _turn(message: ChatMessage, language: Language, *, with_blocks: bool = True) -> dict[str, Any]:
    writing = message.status is MessageStatus.WRITING
    blocks: Sequence[str] = ()
    if with_blocks and message.role == "assistant" and not writing:
        blocks = render_page(message.content)
    return {
        "message": message,
        "writing": writing,
        # Sanitised last by render_page: the only HTML that does not come from a template.
        "blocks": [Markup(block) for block in blocks],  # noqa: S704 - see above
        "receipt": view_receipt(message.receipt, language=language) if message.receipt else None,
        "awaits_receipt": bool(message.receipt_id) and message.receipt is None,
        "advice": advice_for(message.problem_code, language) if message.problem_code else "",
    }


def _page(request: Request, template: str, *, status: int = 200, **facts: Any) -> HTMLResponse:
    return HTMLResponse(_render(request, template, **facts), status_code=status)


def _render(request: Request, template: str, **facts: Any) -> str:
    language = language_of(request)
    theme = request.cookies.get(THEME_COOKIE, "")
    return (
        _environment()
        .get_template(template)
        .render(
            say=phrases(_PACKAGE, language),
            language=language.value,
            theme=theme if theme in {"light", "dark"} else "",
            path=request.url.path,
            **facts,
        )
    )


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("galerne.chat.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = asset_path
    return environment
