"""One question: the query, its answer from the index and by exact search, and its verdict.

Start with `Question`, `Answer`, `ask`, `ExactIndex`, `QueryPicture`, `Hit` and
`compare_with_exact`.

    record = next(store.records("fruit_vector", Metric.COSINE))
    embedding = store.embeddings("fruit_vector", Metric.COSINE, [record.id])[record.id]
    answer = ask(embedding, Question(k=5, nprobe=1), store=store, info=info)
"""
