"""Which index? Types and settings measured against exact search on one's own pictures.

Start with `tune`, `Tuning`, `Limits`, `recommended`, `front` and `default_grid`.

    for trial in default_grid(store.index_types(), rows=info.rows, k=10):  # core.tuning.grid
        print(trial.index, trial.efforts)
    print(Limits.parse(["precision loss <= 0.005", "p95 <= 20"]))  # core.tuning.limits
"""
