"""The picture that is searched with, as another collection knows it: a row there, or a file."""

from dataclasses import replace

from core.collection.catalogue import Catalogue
from core.dataset.files import digest_of, read_picture
from core.search.query_picture import QueryPicture
from core.ui import resources


def picture_there(picture: QueryPicture, *, here: str, there: Catalogue) -> QueryPicture:
    """Return a picture as it is searched with in another collection.

    A file with the same bytes that is in that collection is its row there, whose embedding is
    stored; any other is searched with as an uploaded file.

    Args:
        here: The collection that the picture is from.

    Raises:
        ImageError: The file of a row is gone, or lies outside the dataset folder.
        OrchardError: The collection it is from cannot be described any more.
    """
    if picture.record is None:
        return picture
    if same := there.by_digest.get(picture.digest):
        rows = [there.by_id[number] for number in same]
        # Of several files with these bytes, the one of the same name.
        row = next((one for one in rows if one.path == picture.record.path), rows[0])
        return replace(picture, name=row.path, record=row)
    info = next(iter(resources.get_collections(here).values()))
    _, content = read_picture(resources.dataset_folder(info), picture.record.path)
    return replace(picture, record=None, content=content, digest=digest_of(content))
