"""Sign-in, account and people as pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from galerne.chat.bill.budget import view_limit
from galerne.chat.bill.figures import quantity
from galerne.chat.house.view import PACKAGE as HOUSE
from galerne.chat.house.view import view_usage
from galerne.chat.people.passwords import SHORTEST
from galerne.chat.people.records import Person, PersonSession
from galerne.chat.web import pages
from galerne.language import Language, phrases

PACKAGE = "galerne.chat.people"
BUDGET_UNITS = ("eur", "wh", "g")
BUDGET_PERIOD = "month"


def refusal_text(reason: str, *, language: Language) -> str:
    """Why an account, password or budget was refused, in the reader's words."""
    return phrases(PACKAGE, language)[f"refused_{reason}"].format(n=SHORTEST)


def sign_in_page(
    request: Request,
    *,
    back: str,
    name: str = "",
    wrong: bool = False,
    retry_after_s: float | None = None,
) -> HTMLResponse:
    """Asks for a name and a password.

    Args:
        request: which is answered so.
        back: where the person wanted to go.
        name: as it was typed before.
        wrong: name and password did not go together.
        retry_after_s: after too many of these, how long to wait.
    """
    language = pages.language_of(request)
    words = phrases(PACKAGE, language)
    problem, status = (words["sign_in_wrong"] if wrong else ""), 401
    if retry_after_s is not None:
        wait = str(quantity(math.ceil(retry_after_s), "s", language=language))
        problem, status = words["sign_in_wait"].format(wait=wait), 429
    response = pages.house_page(
        request, "sign_in.html", status=status, words=words, back=back, name=name[:80], problem=problem
    )
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(math.ceil(retry_after_s))
    return response


def invitation_page(request: Request, person: Person | None, *, token: str, reason: str = "") -> HTMLResponse:
    """Asks who is invited for a password; without a person, says that the invitation is over."""
    language = pages.language_of(request)
    words = phrases(PACKAGE, language)
    title, text = words["sign_in_title"], ""
    if person is not None:
        title = words["invitation_title"].format(name=person.shown_name)
        text = words["invitation_text"].format(login=person.name, n=SHORTEST)
    return pages.house_page(
        request,
        "invitation.html",
        status=404 if person is None else 422 if reason else 200,
        words=words,
        person=person,
        title=title,
        text=text,
        shortest=SHORTEST,
        problem=refusal_text(reason, language=language) if reason else "",
    )


def account_page(
    request: Request,
    person: Person,
    *,
    limits: Sequence[Mapping[str, Any]],
    usage: Mapping[str, Any],
    sessions: Sequence[tuple[PersonSession, str, bool]],
    n_unowned: int,
    reason: str = "",
    done: bool = False,
) -> HTMLResponse:
    """A person's own account.

    Args:
        request: which is answered so.
        person: whose it is.
        limits: that hold for them.
        usage: the API's report of this month.
        sessions: each with when it was seen and whether it is this browser's.
        n_unowned: conversations that belong to no account, which this person may take.
        reason: why a new password was refused.
        done: the password is changed.
    """
    language = pages.language_of(request)
    words = phrases(PACKAGE, language)
    notice = words["password_changed"] if done else refusal_text(reason, language=language) if reason else ""
    views = (view_limit([limit], language=language) for limit in limits)
    rows = usage["rows"]
    return pages.house_page(
        request,
        "account.html",
        status=422 if reason else 200,
        words=words,
        person=person,
        budgets=[view for view in views if view is not None],
        usage=view_usage(rows[0], language=language) if rows else (),
        sessions=sessions,
        n_unowned=n_unowned,
        shortest=SHORTEST,
        notice=notice,
        done=done,
    )


def people_page(
    request: Request,
    people: Sequence[Person],
    *,
    usage: Mapping[str, Any],
    limits: Sequence[Mapping[str, Any]],
    invited: tuple[Person, str] | None = None,
    reason: str = "",
) -> HTMLResponse:
    """Everybody with an account.

    Args:
        request: which is answered so.
        people: who they are.
        usage: the API's report of this month, by owner.
        limits: everybody's.
        invited: who was invited just now, and the link to give them.
        reason: why something was refused.
    """
    language = pages.language_of(request)
    used = {row["group"]: row for row in usage["rows"]}
    return pages.house_page(
        request,
        "people.html",
        status=422 if reason else 200,
        words=phrases(PACKAGE, language),
        house_words=phrases(HOUSE, language),
        rows=[_row(person, used.get(person.name), limits, language=language) for person in people],
        link=invited[1] if invited else "",
        link_name=invited[0].shown_name if invited else "",
        notice=refusal_text(reason, language=language) if reason else "",
    )


def _row(
    person: Person, used: Mapping[str, Any] | None, limits: Sequence[Mapping[str, Any]], *, language: Language
) -> dict[str, Any]:
    mine = {
        limit["unit"]: limit["limit"]
        for limit in limits
        if limit["subject"] == f"user:{person.name}" and limit["period"] == BUDGET_PERIOD
    }
    written = {unit: f"{mine[unit]:.10g}" if unit in mine else "" for unit in BUDGET_UNITS}
    mark = "," if language is Language.FRENCH else "."
    state = "disabled" if person.disabled else "invited" if person.invited else "active"
    cells = view_usage(used, language=language) if used else ()
    return {
        "person": person,
        "state": state,
        "used": " · ".join(f"{amount} {label}" for label, amount in cells),
        "budgets": [(unit, text.replace(".", mark)) for unit, text in written.items()],
    }
