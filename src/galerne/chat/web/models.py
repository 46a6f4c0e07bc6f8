"""Routes of the models: what is loaded, loads, arrives or fits; load one."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from galerne.chat.model_view import view_models
from galerne.chat.web import pages
from galerne.chat.web.guard import read_form
from galerne.chat.web.parts import Web, wants_json
from galerne.chat.web.smaller import is_hushed
from galerne.chat.web.turn_view import advice_for
from galerne.errors import AnswerRefused, GalerneError

_UNDER_WAY = "model_loading"
"""What the API says of a load that it has begun and nobody waits for."""


async def show_models(web: Web, request: Request) -> Response:
    """``GET /ui/models``: which models are loaded, could be, fit or do not, as a fragment."""
    client = web.client
    try:
        fits, models, engines, pulls = await asyncio.gather(
            client.fits(), client.models(), client.engines(), client.pulls()
        )
    except GalerneError as error:
        return pages.problem_page(request, "offline_title", status=503, advice=error.code)
    language = pages.language_of(request)
    rows = view_models(fits, pages.talking_models(models), engines, pulls, language=language)
    machine = str(fits.get("machine", ""))
    return pages.models_fragment(request, rows, machine=machine, hushed=is_hushed(request))


async def load_model(web: Web, request: Request) -> Response:
    """``POST /ui/models``: have a model loaded; the list shows how far it is."""
    model = (await read_form(request) or {}).get("model", "")
    problem = ""
    try:
        await web.client.load(model)
    except AnswerRefused as error:
        problem = "" if error.problem_code == _UNDER_WAY else error.problem_code
    except GalerneError as error:
        problem = error.code
    if not wants_json(request):
        return RedirectResponse("/", status_code=303)
    if problem:
        text = advice_for(problem, pages.language_of(request))
        return JSONResponse({"problem": problem, "advice": text}, status_code=409)
    return Response(status_code=202)
