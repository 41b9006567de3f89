"""All rows of a collection at hand: the listing, the matrix, exact neighbours, recall of an index.

Start with `load_listing`, `load_matrix`, `KeptRows`, `exact_neighbours`, `exact_scores`, `nearest`
and `ann_recall`.

    matrix = load_matrix(store, "fruit_vector", Metric.COSINE, Path("data/embeddings"))
    queries = np.arange(3)  # positions of the rows that ask
    exact = exact_neighbours(matrix.embeddings, queries=queries, metric=Metric.COSINE, k=5)
"""
