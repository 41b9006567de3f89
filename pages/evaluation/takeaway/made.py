"""What must be known to make a report again, by name."""

from core.evaluation.report import Report


def made(report: Report) -> dict[str, str]:
    """Return the settings of a report as a person reads them."""
    configuration = report.configuration
    request = configuration.request
    return {
        "made": configuration.created,
        "dataset": configuration.dataset,
        "collection": configuration.collection,
        "rows": f"{configuration.rows:,}",
        "fingerprint": configuration.fingerprint,
        "corrections": str(configuration.corrections) or "none",
        "encoder": configuration.encoder,
        "metric": configuration.metric.value,
        "index": f"{configuration.index_type}, nlist {configuration.nlist}",
        "nprobe": str(request.nprobe or "exact search only"),
        "top k": ", ".join(map(str, request.ks)),
        "queries": f"{len(report.queries):,} ({request.queries})",
        "sample": str(request.sample or "none"),
        "seed": str(request.seed),
        "query paths": request.query_paths or "all",
        "gallery paths": request.gallery_paths or "all",
        "versions": ", ".join(f"{k} {v}" for k, v in configuration.versions.items()),
    }
