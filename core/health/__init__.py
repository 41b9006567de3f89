"""Is all well: the state of database, files and collections; what is wrong is named and mended.

Start with `concerns`, `verify`, `repair`, `run_self_test` and `inspect_pictures`.

    found = verify(store, family="fruit_vector", dataset=Path("data/sample"))  # core.health.verify
    print(len(found.findings), "findings")
    print(run_self_test(store, family="fruit_vector", cache_dir=Path("data/embeddings")).checks[0])
"""
