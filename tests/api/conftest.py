from tests.live_server import live_url

__all__ = ["live_url"]
