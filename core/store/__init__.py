"""Milvus, embedded or a server: connected to, read, searched, written, moved elsewhere.

The only package that imports pymilvus, whose errors become those of `core.errors` here. Start with
`open_store`, `VectorStore`, `is_locked` and `transfer`.

    store = open_store(load_settings())  # core.store.vector_store
    info = store.info("fruit_vector", Metric.COSINE)
    print(info.rows, info.index_type, next(store.records("fruit_vector", Metric.COSINE)).path)
"""
