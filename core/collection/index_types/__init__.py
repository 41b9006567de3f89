"""The kinds of index there are: what each is built with, and how thoroughly it can be searched.

One table, `kinds.KINDS`, holds all that differs between them; whoever builds, searches, measures or
offers an index reads it there.
"""
