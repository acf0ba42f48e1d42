"""Rules for recommended lists: filters, caps, boosts, pins, new items and diversity."""

from gingham.rules.rules import Rules, check_rules, ranker
from gingham.rules.settings import Boost, Diversity, NewItems, Pin
from gingham.rules.shop import Shop

__all__ = ["Boost", "Diversity", "NewItems", "Pin", "Rules", "Shop", "check_rules", "ranker"]
