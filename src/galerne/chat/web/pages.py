"""Pages and fragments as HTML, in the reader's language and theme."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import jinja2
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from galerne.chat.assistants import Assistant
from galerne.chat.bill.amounts import Bill
from galerne.chat.bill.budget import BudgetView
from galerne.chat.bill.difference import view_difference
from galerne.chat.bill.words import BillView, view_bill
from galerne.chat.chain_view import ChainView
from galerne.chat.documents.records import Document
from galerne.chat.history.projects import Project
from galerne.chat.history.records import ChatMessage, Conversation, Manner, MessageStatus, ThreadPage
from galerne.chat.history.search import SearchHit, plain
from galerne.chat.history.temporary import Stores
from galerne.chat.model_view import ModelRow
from galerne.chat.smaller import SmallerView
from galerne.chat.tools.records import Tool, ToolUse
from galerne.chat.web import turn_view
from galerne.chat.web.assets import asset_path
from galerne.chat.web.chain import SPARK_HEIGHT, SPARK_WIDTH, spark_path
from galerne.chat.web.turn_view import advice_for, turn_facts, turns_of_page
from galerne.language import Language, phrases, phrases_as_typed, preferred_language

LANGUAGE_COOKIE = "galerne-language"
THEME_COOKIE = "galerne-theme"
MODEL_COOKIE = "galerne-model"

_PACKAGE = "galerne.chat"
_DOCUMENTS = "galerne.chat.documents"
_PACKAGES = (_PACKAGE, _DOCUMENTS, "galerne.chat.assistants")
_SUGGESTIONS = ("suggest_1", "suggest_2", "suggest_3", "suggest_4")
_RESUMABLE = {MessageStatus.CUT, MessageStatus.STOPPED, MessageStatus.FAILED}


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownConversation:
    """What the page of a conversation is made of.

    Attributes:
        conversation: ``None`` for a new one.
        temporary: it leaves no trace.
    """

    conversation: Conversation | None
    page: ThreadPage
    bill: Bill | None
    temporary: bool
    conversations: Sequence[Conversation]
    history_limit: int
    models: Sequence[dict[str, Any]]
    tools: Sequence[Tool] = ()
    tool_problems: Mapping[str, str] = field(default_factory=dict)
    projects: Sequence[Project] = ()
    project_id: str | None = None
    assistants: Sequence[Assistant] = ()
    assistant_id: str | None = None


def language_of(request: Request) -> Language:
    """What the reader chose, else what the browser prefers."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return (
        Language(chosen)
        if chosen in set(Language)
        else preferred_language(request.headers.get("accept-language"))
    )


def conversation_page(
    request: Request, shown: ShownConversation, *, stores: Stores, problem: str
) -> HTMLResponse:
    """A conversation, or the start of one."""
    say = phrases(_PACKAGE, language_of(request))
    language = language_of(request)
    conversation, models = shown.conversation, talking_models(shown.models)
    project_id = conversation.project_id if conversation else shown.project_id
    assistant_id = conversation.assistant_id if conversation else shown.assistant_id
    assistant = next((entry for entry in shown.assistants if entry.id == assistant_id), None)
    used = [message.model_id for message in shown.page.messages if message.model_id]
    wanted = used[-1] if used else assistant.profile.model_id if assistant else _usual_model(request, models)
    return _page(
        request,
        "conversation.html",
        conversation_id=conversation.id if conversation else "",
        title=conversation.title if conversation else say["new_conversation"],
        manner=conversation.manner if conversation else Manner(),
        temporary=shown.temporary,
        projects=shown.projects,
        project=next((entry for entry in shown.projects if entry.id == project_id), None),
        assistants=shown.assistants,
        assistant=assistant,
        turns=turns_of_page(shown.page, language, stores),
        earlier_id=shown.page.earlier_id,
        more_follow=shown.page.more_follow,
        bill=view_bill(shown.bill, language=language) if shown.bill else None,
        history=_history(shown.conversations, limit=shown.history_limit, language=language),
        current=conversation.id if conversation else None,
        models=[_choice(entry) for entry in models],
        model=wanted or (models[0]["id"] if models else ""),
        problem=problem,
        advice=advice_for(problem, language) if problem else "",
        suggestions=[phrases_as_typed(_PACKAGE, language)[key] for key in _SUGGESTIONS],
        tools=_tool_rows(shown, assistant),
        tool_problems=shown.tool_problems,
    )


def turns_fragment(request: Request, page: ThreadPage, stores: Stores) -> str:
    """Messages to put on the page, and what leads to those before them."""
    conversation_id = page.messages[0].conversation_id if page.messages else ""
    turns = turns_of_page(page, language_of(request), stores)
    facts = {"earlier_id": page.earlier_id, "conversation_id": conversation_id}
    return _render(request, "turns.html", turns=turns, **facts)


def card_fragment(request: Request, message_id: str, use: ToolUse) -> str:
    """The card of a tool inside an answer."""
    return _render(request, "tool.html", use=use, message_id=message_id)


def foot_fragment(request: Request, message: ChatMessage) -> HTMLResponse:
    """What stands under an answer."""
    return HTMLResponse(_render(request, "foot.html", turn=turn_facts(message, language_of(request))))


def difference_fragment(request: Request, message: ChatMessage, other: ChatMessage) -> HTMLResponse:
    """What stands under two answers beside each other."""
    difference = view_difference(message, other, language=language_of(request))
    return HTMLResponse(_render(request, "difference.html", difference=difference, pair=(message, other)))


def smaller_fragment(request: Request, view: SmallerView, message: ChatMessage) -> HTMLResponse:
    """The hint that a smaller model would do."""
    return HTMLResponse(_render(request, "smaller.html", view=view, message=message))


def budget_fragment(request: Request, view: BudgetView | None, **facts: Any) -> HTMLResponse:
    """What may still be used."""
    return HTMLResponse(_render(request, "budget.html", view=view, **facts))


def _usual_model(request: Request, models: Sequence[dict[str, Any]]) -> str | None:
    """The model chosen last in this browser, while it is here."""
    usual = unquote(request.cookies.get(MODEL_COOKIE, ""))
    return next((entry["id"] for entry in models if entry["id"] == usual), None)


def _choice(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A model in the list of those to choose."""
    sees = bool(entry.get("capabilities", {}).get("vision"))
    return {"id": entry["id"], "name": entry.get("name") or entry["id"], "sees": sees}


def talking_models(models: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that answer: a model that only makes vectors is nobody to talk to."""
    return [entry for entry in models if entry.get("capabilities", {}).get("completion_chat", True)]


def bill_fragment(request: Request, bill: BillView | None) -> HTMLResponse:
    """What a conversation cost."""
    return HTMLResponse(_render(request, "bill.html", bill=bill))


def history_fragment(
    request: Request, conversations: Sequence[Conversation], *, limit: int, current: str | None
) -> HTMLResponse:
    """The list of conversations."""
    history = _history(conversations, limit=limit, language=language_of(request))
    return HTMLResponse(_render(request, "history.html", history=history, current=current))


def models_fragment(
    request: Request, rows: Sequence[ModelRow], *, machine: str, hushed: bool
) -> HTMLResponse:
    """The models of this machine."""
    facts: dict[str, Any] = {"machine": machine, "hushed": hushed}
    busy = any(row.progress_ratio is not None for row in rows)
    return HTMLResponse(_render(request, "models.html", rows=rows, busy=busy, **facts))


def search_page(
    request: Request, hits: Sequence[SearchHit], *, query: str, whole: bool, project_id: str | None = None
) -> HTMLResponse:
    """What a search found: a page of its own, or the list alone."""
    facts: dict[str, Any] = {"hits": hits, "query": query, "project_id": project_id}
    return HTMLResponse(_render(request, "search.html" if whole else "hits.html", **facts))


def project_page(
    request: Request,
    project: Project,
    *,
    documents: Sequence[Document],
    conversations: Sequence[Conversation],
) -> HTMLResponse:
    """A project."""
    listed = [(entry, document_facts(request, entry)) for entry in documents]
    facts: dict[str, Any] = {"project": project, "conversations": conversations}
    return _page(request, "project.html", documents=listed, **facts)


def assistants_page(request: Request, **facts: Any) -> HTMLResponse:
    """Every assistant."""
    return _page(request, "assistants.html", **facts)


def assistant_page(request: Request, *, documents: Sequence[Document], **facts: Any) -> HTMLResponse:
    """An assistant, to be changed."""
    listed = [(entry, document_facts(request, entry)) for entry in documents]
    return _page(request, "assistant.html", documents=listed, **facts)


def passage_page(request: Request, *, whole: bool, **facts: Any) -> HTMLResponse:
    """A passage that an answer stands on, as text: a page of its own, or the sheet alone."""
    return HTMLResponse(_render(request, "passage_page.html" if whole else "passage.html", **facts))


def document_facts(request: Request, document: Document) -> str:
    """Size, passages and how they are found, in a few words."""
    return turn_view.document_facts(document, language_of(request))


def chain_page(request: Request, view: ChainView) -> HTMLResponse:
    """The chain on one screen."""
    return _page(
        request,
        "chain.html",
        view=view,
        spark_path=spark_path,
        spark=(SPARK_WIDTH, SPARK_HEIGHT),
    )


def planner_page(request: Request, **facts: Any) -> HTMLResponse:
    """The planner of data centres."""
    return _page(request, "plan.html", **facts)


def house_page(request: Request, template: str, *, status: int = 200, **facts: Any) -> HTMLResponse:
    """A page with words of its own: the operator's, the developer's, people's."""
    return _page(request, template, status=status, **facts)


def plan_fragment(request: Request, **facts: Any) -> HTMLResponse:
    """A plan alone."""
    return HTMLResponse(_render(request, "plan_result.html", **facts))


def key_page(request: Request, *, wrong: bool) -> HTMLResponse:
    """Asks for the key."""
    return _page(request, "key.html", status=401, wrong=wrong)


def problem_page(request: Request, phrase: str, *, status: int, advice: str = "") -> HTMLResponse:
    """Says what went wrong and what to do."""
    text = advice_for(advice, language_of(request)) if advice else ""
    return _page(request, "problem.html", status=status, phrase=phrase, advice=text)


def _tool_rows(shown: ShownConversation, assistant: Assistant | None) -> list[dict[str, Any]]:
    """The tools to tick, those that ask nobody until somebody chooses; or those that an assistant states."""
    fixed = assistant.profile.manner.tools if assistant else None
    own = shown.conversation.manner.tools if shown.conversation else None
    chosen = own if fixed is None else fixed
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "origin": tool.origin,
            "asks": tool.asks,
            "ticked": not tool.asks if chosen is None else tool.name in chosen,
            "fixed": fixed is not None,
        }
        for tool in shown.tools
        if fixed is None or tool.name in fixed
    ]


def _history(conversations: Sequence[Conversation], *, limit: int, language: Language) -> dict[str, Any]:
    say = phrases(_PACKAGE, language)
    today_at = time.time() - 86_400
    groups: dict[str, list[Conversation]] = {}
    for entry in conversations[:limit]:
        key = "pinned" if entry.pinned else "today" if entry.changed_at > today_at else "earlier"
        groups.setdefault(key, []).append(entry)
    several = len(groups) > 1
    return {
        "groups": [(say[key] if several else "", entries) for key, entries in groups.items()],
        "more": limit + 100 if len(conversations) > limit else 0,
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
            say=_words(language),
            language=language.value,
            theme=theme if theme in {"light", "dark"} else "",
            path=request.url.path,
            visitor=getattr(request.state, "visitor", None),
            **facts,
        )
    )


def _coded(text: str) -> Markup:
    """A sentence in which what is to be typed stands between backquotes."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


@functools.cache
def _words(language: Language) -> Mapping[str, str]:
    return {name: text for package in _PACKAGES for name, text in phrases(package, language).items()}


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
    environment.filters["plain"] = plain
    environment.filters["coded"] = _coded
    return environment
