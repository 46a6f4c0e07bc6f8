"""Every operation that OpenAPI describes, asked with what it describes and with what it does not.

The whole application in one process, behind its door; only the engine, the ledger and the meter are doubles.
A failure of the server, an undescribed status or type, and a body that is not what is described, fail here.
"""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from schemathesis import checks as known
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from galerne.api.metrics import Metrics
from tests.api.fakes import BASE_URL, client

schemathesis.serializer("application/toml")(lambda ctx, value: str(value).encode(errors="replace"))
HEADERS = {"host": BASE_URL.removeprefix("http://")}
APP = client(fit=list, prices=tuple, limits=lambda _: (), metrics=Metrics()).app
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", APP, headers=HEADERS)
SCHEMA.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
CHECKS = [
    known.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@SCHEMA.parametrize()
@seed(20261122)
@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_the_description_is_true(case):
    case.call_and_validate(headers=HEADERS, checks=CHECKS)
