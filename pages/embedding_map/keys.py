"""Names of the map page's controls, and of what its session keeps.

Keys that only tell buttons, pictures and containers apart stay beside them.
"""

from enum import StrEnum

from core.ui.links import Handed


class Address(StrEnum):
    """Controls that are bound to the address."""

    METHOD = "method"
    DIMENSIONS = "dimensions"
    # Not the Search page's, which knows one metric more.
    METRIC = Handed.MAP_METRIC
    N_NEIGHBORS = "n_neighbors"
    MIN_DIST = "min_dist"
    SEED = "seed"
    COLOUR = "colour"
    PRECISION_K = "precision_k"
    POINT_SIZE = "point_size"
    REPEATED = "repeated"
    CLASS = Handed.MAP_CLASS
    PICTURE = Handed.MAP_PICTURE
    # The page writes it, see `state.follow_address`.
    RING = Handed.RING
    LIST = "list"
    SIMILARITY = "similarity"


class Key(StrEnum):
    """What the session alone knows."""

    SESSION = "map"
    HIGHLIGHT = "highlight"
    UPLOAD = "map_upload"
    BY_UMAP = "map_transform"
    MAP = "map_points"
    CHART = "map_chart"
    IMAGE_FORMAT = "image_format"
