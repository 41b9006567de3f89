"""The data folder in order: what nobody needs any more is deleted, by rules.

Start with `clean_up`, which returns what it has `Cleaned`.

    from core.data_folder import DataFolder
    cleaned = clean_up(DataFolder(Path("data")), store)
    print(cleaned.files, cleaned.size)
"""
