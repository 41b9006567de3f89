"""Collection: what is indexed and whether all is well; built, changed, browsed, looked back on.

`page` draws, `health`, `build`, `change`, `browse` and `history` are its parts, `run` is the run
that goes on.
"""
