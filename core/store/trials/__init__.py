"""Indexes on trial: which types the database can build, and candidates beside a collection."""
