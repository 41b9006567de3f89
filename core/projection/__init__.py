"""The map: embeddings -> positions, PCA at once, UMAP in a process of its own; colours, trust.

Start with `ProjectionSettings`, `project`, `Projector`, `MapRows` and `trust_in`.

    rows = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    projection = project(rows, ProjectionSettings(Method.PCA))  # core.projection.projection
    print(projection.coordinates.shape, projection.variance)
"""
