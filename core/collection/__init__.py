"""What a collection is, as plain data: its fields, its index, its rows, what may be asked of it.

Knows no database. Start with `CollectionInfo`, `IndexChoice`, `Catalogue` and `check_query`.

    print(IndexChoice(IndexType.IVF_FLAT, nlist=64))  # core.collection.index_choice
    print(auto_nlist(10_000), nprobe_steps(128))
    print(label_filter(["apple", "pear"]))  # core.collection.query
"""
