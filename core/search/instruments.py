"""What every search is measured by, whoever asks: a page, a script or a program.

The names and units follow Prometheus's conventions: seconds, and counters that only grow.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()

# A stored picture takes milliseconds, the first upload seconds.
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)

DECODE_SECONDS = Histogram(
    "orchard_decode_seconds", "Decoding one query picture", buckets=_SECONDS, registry=REGISTRY
)
ENCODE_SECONDS = Histogram(
    "orchard_encode_seconds",
    "One query picture through the network",
    buckets=_SECONDS,
    registry=REGISTRY,
)
SEARCH_SECONDS = Histogram(
    "orchard_search_seconds",
    "One answer, the database's time alone",
    ["metric", "kind"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
RECALL = Histogram(
    "orchard_ann_recall",
    "Share of the exact hits in an answer of the index, where the embeddings are at hand",
    ["metric"],
    buckets=_SHARES,
    registry=REGISTRY,
)
ERRORS = Counter(
    "orchard_errors", "Answers that failed, by the kind of error", ["kind"], registry=REGISTRY
)
