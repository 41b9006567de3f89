"""A report: which pictures ask, what is measured, kept as files, compared, required of.

Start with `Request`, `evaluate`, `Report`, `Variant`, `load_report`, `compare` and `sweep`.

    matrix = load_matrix(store, "fruit_vector", Metric.COSINE, Path("data/embeddings"))
    request = Request(ks=(1, 5), nprobe=1)  # core.evaluation.report
    report = evaluate(matrix, store=store, info=info, collection="fruit_vector", request=request)
"""
