"""PNG: what is written beside the picture is kept from costing the picture, or the memory."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
# Texts in which programs say which way is up; Pillow reads them.
_ORIENTING = (b"Raw profile type exif", b"Raw profile type APP1", b"XML:com.adobe.xmp")
# Pillow refuses a PNG with more than 1 MB in one text or profile, though the picture is whole.
_MOST_TEXT = 1_000_000
# The largest profiles, of printers with fine tables, take a few megabytes.
MAX_PROFILE = 4_000_000


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One chunk: its kind, its data, and where it starts and ends with length and checksum."""

    kind: bytes
    data: memoryview
    start: int
    end: int


def lightened(content: bytes) -> tuple[bytes, bytes | None]:
    """Return a PNG without its texts and its colour profile, and that profile.

    Texts stay that may say which way is up, the first of each kind. Bombs among texts and profiles
    are never unpacked further than to their limits.

    Args:
        content: The whole file; what is no PNG comes back as it is.

    Returns:
        The file to decode and the ICC profile, None where there is none of at most `MAX_PROFILE`
        bytes.
    """
    profile, seen, dropped = None, set[bytes](), list[_Chunk]()
    for chunk in _chunks(content):
        if chunk.kind == b"iCCP":
            profile = profile or _profile(bytes(chunk.data))
            dropped.append(chunk)
        elif chunk.kind in _TEXTS:
            keyword = bytes(chunk.data[:80]).split(b"\0")[0]
            if keyword in _ORIENTING and keyword not in seen and _is_short(chunk, keyword):
                seen.add(keyword)
            else:
                dropped.append(chunk)
    if not dropped:
        return content, profile
    starts = [0, *(chunk.end for chunk in dropped)]
    ends = [*(chunk.start for chunk in dropped), len(content)]
    return b"".join(content[start:end] for start, end in zip(starts, ends, strict=True)), profile


def _chunks(content: bytes) -> Iterator[_Chunk]:
    """Yield the chunks up to the end, or to the first that is not whole."""
    view, at = memoryview(content), len(_SIGNATURE)
    while content.startswith(_SIGNATURE) and at + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        if end > len(content) or kind == b"IEND":
            return
        yield _Chunk(kind, view[at + 8 : end - 4], at, end)
        at = end


def _profile(data: bytes) -> bytes | None:
    """Unpack what an iCCP chunk holds: a name, zero, the method zero, then the packed profile."""
    _, _, packed = data.partition(b"\0")
    return _unpacked(packed[1:], limit=MAX_PROFILE)


def _is_short(chunk: _Chunk, keyword: bytes) -> bool:
    data = bytes(chunk.data)
    if len(data) > _MOST_TEXT or chunk.kind == b"tEXt":
        return len(data) <= _MOST_TEXT
    # After the keyword and its zero: zTXt has the method; iTXt a flag, the method, two texts.
    packed = data[len(keyword) + 2 :]
    if chunk.kind == b"iTXt":
        if packed[:1] == b"\0" and data[len(keyword) + 1 : len(keyword) + 2] != b"\1":
            return True
        packed = packed[1:].split(b"\0", 2)[-1]
    return _unpacked(packed, limit=_MOST_TEXT) is not None


def _unpacked(packed: bytes, *, limit: int) -> bytes | None:
    """Return what is packed; None if it is broken, or more than `limit` bytes."""
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(packed, limit)
    except zlib.error:
        return None
    return data if stream.eof else None
