from galerne.api.problems import PROBLEMS, Dialect, body_of, dialect_of, headers_of, status_of
from galerne.errors import EngineRefused, InvalidRequest, Overloaded, UnknownRoute
from galerne.language import Language


def test_mistral_clients_are_known_by_their_name():
    assert dialect_of("speakeasy-sdk/python 3.7.0 2.935.1 1.0.0 mistralai") is Dialect.MISTRAL
    assert dialect_of("mistral-client-python/0.4.2") is Dialect.MISTRAL
    assert dialect_of("OpenAI/Python 3.54.0") is Dialect.OPENAI
    assert dialect_of("") is Dialect.OPENAI


def test_what_the_engine_refused_because_of_the_request_is_not_our_failure():
    for status, expected in ((400, 400), (422, 400), (500, 502), (0, 502)):
        error = EngineRefused(engine="llama.cpp", status=status, problem="x")
        assert status_of(error, Dialect.OPENAI) == expected
        kind = body_of(error, Dialect.OPENAI, Language.ENGLISH)["error"]["type"]
        assert kind == ("server_error" if expected >= 500 else "invalid_request_error")


def test_waiting_is_at_least_a_second_and_whole():
    for wait_s, header in ((0.0, "1"), (1.01, "2"), (30.0, "30")):
        assert headers_of(Overloaded(n_waiting=1, retry_after_s=wait_s))["retry-after"] == header


def test_only_what_may_succeed_later_invites_to_retry():
    assert {code for code, problem in PROBLEMS.items() if problem.retry} == {
        "store_unreachable",
        "engine_crashed",
        "machine_busy",
        "overloaded",
        "model_loading",
        "no_node",
    }
    assert all(problem.status == 503 for code, problem in PROBLEMS.items() if problem.retry)


def test_a_path_inside_a_list_keeps_its_place_in_mistral_details():
    error = InvalidRequest(path="messages[0].content", problem="wrong")
    body = body_of(error, Dialect.MISTRAL, Language.ENGLISH)
    assert body["detail"][0]["loc"] == ["body", "messages", 0, "content"]
    assert body["raw_status_code"] == 422


def test_a_wrong_method_names_the_right_ones():
    error = UnknownRoute(method="PUT", path="/v1/models", allowed=("GET",))
    assert status_of(error, Dialect.OPENAI) == 405
    assert headers_of(error)["allow"] == "GET"
    assert "GET" in str(error)
