"""Archives of pictures: an uploaded ZIP, judged, kept and unpacked; pictures packed to take away.

`inspect_archive` reads nothing but the table of contents and writes nothing; `unpack` writes a
folder that is whole or not there.
"""
