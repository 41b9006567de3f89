"""Names of controls that more than one page must know, since a link carries them there.

Every other key belongs to the one page whose `keys.py` names it: a key that two pages bind to the
address would carry the choice of one into the other.
"""

from enum import StrEnum


class Handed(StrEnum):
    """What links hand to another page; the control of that page alone is bound to it.

    The Search page is opened with pictures, and as the map and the evaluation compare them: by
    their metric, with the k and the nprobe that was looked at. The map is opened with a picture or
    some that are ringed, by the metric they came with; the evaluation with a pair of classes.
    """

    QUERIES = "queries"
    METRIC = "metric"
    K = "k"
    NPROBE = "nprobe"
    MAP_CLASS = "map_class"
    MAP_PICTURE = "map_picture"
    MAP_METRIC = "map_metric"
    RING = "ring"
    VIEW = "view"
    ASKED = "asked"
    GOT = "got"


TO_SEARCH = (Handed.METRIC, Handed.K, Handed.NPROBE)
TO_MAP = (Handed.MAP_CLASS, Handed.MAP_PICTURE, Handed.MAP_METRIC)
TO_EVALUATION = (Handed.ASKED, Handed.GOT)

# Where the session keeps which page it is about to change to.
LEAVING = "leaving"
