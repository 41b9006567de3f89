"""The database: writing and searching, growth with the rows, the index the tuner finds."""
