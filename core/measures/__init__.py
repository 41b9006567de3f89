"""Neighbour lists -> figures: right hits, measures, means with intervals, what stands out.

Pure NumPy: knows no store. Start with `judge`, `query_measures`, `summarise`, `Estimate`,
`find_hubs` and `suspects`.

    right = np.array([[True, False, True]])  # one query, its first three hits
    print(precision_at(right, k=3))  # core.measures.retrieval
    print(recall_at(right, np.array([4]), k=3))
"""
