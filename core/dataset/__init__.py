"""Pictures as files: which a folder holds, what each is, and how it is decoded without harm.

Nothing outside the dataset folder is opened. Start with `list_dataset` and its `classes`,
`read_picture`, `decode` and `cached_thumbnail`; uploaded archives have a folder of their own.

    listing = list_dataset(Path("data/sample"))  # core.dataset.listing
    record, content = read_picture(Path("data/sample"), listing.paths[0])  # core.dataset.files
    picture = decode(content, name=record.path)  # core.dataset.decoding
"""
