"""A dataset folder becomes collections: planned, encoded, written, resumable, reported.

Start with `build_index`, `add_metric`, `find_gone`, `index_to_build` and `IndexReport`.

    encoder = Encoder(find_checkpoint(load_settings()))
    report = build_index(Path("data/sample"), store=store, encoder=encoder, family="fruit_vector")
    print(report.unchanged, "unchanged,", len(report.skipped), "skipped")
"""
