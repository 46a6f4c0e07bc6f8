import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from galerne.chat.client.api import ApiClient
from galerne.chat.history.store import open_conversations
from galerne.chat.web import create_web
from galerne.clock import ManualClock
from tests.chat.fake_api import FakeApi, served


@pytest.fixture
def fake_api():
    return FakeApi()


@pytest.fixture
def api_url(fake_api):
    with served(fake_api.app()) as url:
        yield url


@pytest.fixture
def chat_store(tmp_path):
    opened = open_conversations(f"sqlite:///{tmp_path / 'chat.db'}", clock=ManualClock())
    yield opened
    opened.close()


@pytest.fixture
def store(chat_store):
    """The conversations of the person of this machine."""
    return chat_store.of(None)


@pytest.fixture
def house_url(fake_api, api_url, chat_store):
    """The API and the pages at one address, as a daemon has them."""
    pages = create_web(ApiClient(api_url), store=chat_store)
    house = Starlette(
        routes=[*fake_api.app().routes, Mount("/", pages)],
        lifespan=lambda _: pages.router.lifespan_context(pages),
    )
    with served(house) as url:
        yield url
