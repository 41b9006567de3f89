"""Embeddings made smaller: what is done to them, fitted to a collection, kept, done again.

Start with `fit`, `Fitted`, `save_fitted` and `load_fitted`; what to do is `core.records.Reduction`.

    rows = np.random.default_rng(0).normal(size=(40, 12)).astype(np.float32)
    fitted = fit(rows, Reduction(pca=4), centred=True)  # core.reduction.fitted
    print(fitted.apply(rows).shape)
"""
