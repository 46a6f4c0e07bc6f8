"""What clients see: wire formats of both dialects, failures, the door. Front door: ``create_app``."""

from galerne.api.app import create_app
from galerne.api.keys import Doorkeeper
from galerne.api.services import Services, SitePlanner, SiteWish
from galerne.api.wire.prices import PriceList, price_list
from galerne.ledger import hash_key

__all__ = [
    "Doorkeeper",
    "PriceList",
    "Services",
    "SitePlanner",
    "SiteWish",
    "create_app",
    "hash_key",
    "price_list",
]
