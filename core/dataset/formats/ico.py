"""ICO: how large its pictures say they are themselves, whatever the table before them says."""

import struct

_ENTRY, _TABLE = 16, 6
_PNG = b"\x89PNG\r\n\x1a\n"


def declared_size(content: bytes) -> tuple[int, int]:
    """Return the largest width and height, in pixels, that a picture in the file declares.

    Pillow takes the table's word, in which no side has more than 256, and makes room for what the
    picture says.

    Args:
        content: The whole file; of one that is cut off, what is there counts.
    """
    count = int.from_bytes(content[4:6], "little")
    table = content[_TABLE : _TABLE + count * _ENTRY]
    starts = (int.from_bytes(table[at + 12 : at + 16], "little") for at in range(0, len(table), 16))
    sizes = [_size(content[start : start + 24]) for start in starts]
    return max((w for w, _ in sizes), default=0), max((h for _, h in sizes), default=0)


def _size(head: bytes) -> tuple[int, int]:
    if len(head) < 24:
        return 0, 0
    # A PNG, or a bitmap: the size of its header, then the sides, negative for upside down.
    width, height = struct.unpack_from(
        *((">2i", head, 16) if head[:8] == _PNG else ("<2i", head, 4))
    )
    return abs(width), abs(height)
