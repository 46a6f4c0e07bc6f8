import pytest

from galerne.api import create_app
from galerne.chat.client.api import ApiClient
from galerne.chat.history.store import open_conversations
from galerne.chat.web import create_web
from galerne.clock import ManualClock
from tests.api.fakes import services
from tests.chat.fake_api import served


@pytest.fixture(scope="module")
def planner_url(tmp_path_factory):
    """The pages over a real planner."""
    store = open_conversations(
        f"sqlite:///{tmp_path_factory.mktemp('chat') / 'chat.db'}", clock=ManualClock()
    )
    with (
        served(create_app(services())) as api_url,
        served(create_web(ApiClient(api_url), store=store)) as url,
    ):
        yield url
    store.close()
