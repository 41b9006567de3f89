"""Names of the Search page's controls, and of what its session keeps.

Keys that only tell buttons, pictures and containers apart stay beside them.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

from core.collection.index_types.parameters import EffortName
from core.metric import Metric
from core.ui.links import Handed


class Address(StrEnum):
    """Controls that are bound to the address; `core.search.link.NAMES` stand beside them."""

    SOURCE = "source"
    METRIC = Handed.METRIC
    K = Handed.K
    NPROBE = Handed.NPROBE
    EF = Handed.EF
    REORDER_K = Handed.REORDER_K
    SEARCH_LIST = Handed.SEARCH_LIST
    REFINE_K = Handed.REFINE_K
    CLASSES = "classes"
    WHERE = "where"
    LIMIT_COSINE = "limit_COSINE"
    LIMIT_L2 = "limit_L2"
    LIMIT_IP = "limit_IP"
    HIDE_QUERY = "hide_query"
    HIDE_DUPLICATES = "hide_duplicates"
    DUPLICATES_FROM = "duplicates_from"
    WEIGHT_QUERY = "weight_query"
    WEIGHT_MORE = "weight_more"
    WEIGHT_LESS = "weight_less"
    SHOW = "show"
    # The page writes it, see `state.open_beside`.
    BESIDE = "beside"
    PAGE = "page"


class Key(StrEnum):
    """What the session alone knows."""

    SESSION = "search"
    COMBINE = "combine"
    START_CLASS = "start_class"
    QUERY_CLASS = "query_class"
    QUERY_WORDS = "query_words"
    PICTURE = "picture"


_LIMITS = {
    Metric.COSINE: Address.LIMIT_COSINE,
    Metric.L2: Address.LIMIT_L2,
    Metric.IP: Address.LIMIT_IP,
}

_EFFORTS: Mapping[EffortName, Address] = {
    "nprobe": Address.NPROBE,
    "ef": Address.EF,
    "reorder_k": Address.REORDER_K,
    "search_list": Address.SEARCH_LIST,
    "refine_k": Address.REFINE_K,
}

# What controls take from the address: whether a text is a value they can show.
Takes = Mapping[Address, Callable[[str], bool]]


def limit_of(metric: Metric) -> Address:
    """Return the key of the worst score: a limit for one metric means nothing for another."""
    return _LIMITS[metric]


def effort_of(name: EffortName) -> Address:
    """Return the key of a number that says how thoroughly to search."""
    return _EFFORTS[name]


def menu_of(picture: int) -> str:
    """Return the key of the menu of the hit with this id."""
    return f"menu_{picture}"
