import pytest

from galerne.chat.store import open_conversations
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
def store(tmp_path):
    opened = open_conversations(f"sqlite:///{tmp_path / 'chat.db'}", clock=ManualClock())
    yield opened
    opened.close()
