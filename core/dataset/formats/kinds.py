"""What a file is, by its first bytes; its name is not asked."""

from dataclasses import dataclass

# Enough for every signature below, and for the opening tag of a web page.
HEAD_BYTES = 512


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is.

    Attributes:
        name: As a person says it: `JPEG`, `video (AVI)`, `text`.
        decoder: What Pillow calls the format; empty for what is no picture.
        is_sure: Whether the bytes say so, rather than that they say nothing.
    """

    name: str
    decoder: str = ""
    is_sure: bool = True

    @property
    def is_picture(self) -> bool:
        """Whether it can be decoded, unless it is damaged."""
        return bool(self.decoder)


UNKNOWN = Kind("nothing that is known as a picture", is_sure=False)
_EMPTY = Kind("empty file")
_JPEG, _JPEG_START = Kind("JPEG", "JPEG"), b"\xff\xd8\xff"
_TEXT = Kind("text", is_sure=False)
_HEIC, _AVIF = Kind("HEIC", "HEIF"), Kind("AVIF", "AVIF")
RAW = Kind("raw file of a camera")

FORMAT_NAMES = "JPEG, PNG, WebP, GIF, AVIF, HEIC, TIFF, BMP, JPEG 2000, ICO or PPM"

# What pictures are usually called. Such a file counts as one until it is decoded; any other is
# looked into. Uploaders, which go by names alone, take these.
PICTURE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".mpo"),
        *(".png", ".apng", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".ico"),
        *(".avif", ".heic", ".heif", ".hif", ".jp2", ".j2k", ".jpx", ".jpf"),
        *(".ppm", ".pgm", ".pbm", ".pnm"),
    }
)

# Most are TIFF by their first bytes, whose picture is a thumbnail or the sensor's own numbers.
_RAW_SUFFIXES = frozenset(
    {
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".gpr", ".iiq", ".kdc"),
        *(".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl"),
        *(".sr2", ".srf", ".srw", ".x3f"),
    }
)

# How files begin, what that means. The more particular first.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", Kind("PNG", "PNG")),
    (b"GIF87a", Kind("GIF", "GIF")),
    (b"GIF89a", Kind("GIF", "GIF")),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Kind("JPEG 2000", "JPEG2000")),
    (b"\xff\x4f\xff\x51", Kind("JPEG 2000", "JPEG2000")),
    (b"II*\0\x10\0\0\0CR", RAW),
    (b"IIRO", RAW),
    (b"IIU\0", RAW),
    (b"FUJIFILMCCD-RAW", RAW),
    *((start, Kind("TIFF", "TIFF")) for start in (b"II*\0", b"MM\0*")),
    *((start, Kind("TIFF", "TIFF")) for start in (b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")),
    (b"\xff\x0a", Kind("JPEG XL picture")),
    (b"\0\0\0\x0cJXL \r\n\x87\n", Kind("JPEG XL picture")),
    (b"8BPS", Kind("Photoshop document")),
    (b"%PDF", Kind("PDF")),
    (b"%!PS", Kind("PostScript")),
    *((start, Kind("archive (ZIP)")) for start in (b"PK\x03\x04", b"PK\x05\x06")),
    (b"\x1f\x8b\x08", Kind("archive (gzip)")),
    (b"7z\xbc\xaf\x27\x1c", Kind("archive (7z)")),
    (b"Rar!\x1a\x07", Kind("archive (RAR)")),
    (b"BZh", Kind("archive (bzip2)")),
    (b"\xfd7zXZ\0", Kind("archive (xz)")),
    (b"\x28\xb5\x2f\xfd", Kind("archive (zstd)")),
    (b"\x1aE\xdf\xa3", Kind("video (Matroska)")),
    *((start, Kind("video (MPEG)")) for start in (b"\0\0\x01\xba", b"\0\0\x01\xb3")),
    (b"FLV\x01", Kind("video (FLV)")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Kind("video (WMV)")),
    *((start, Kind("sound")) for start in (b"OggS", b"ID3", b"fLaC")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind("Office document or Thumbs.db")),
    (b"SQLite format 3\0", Kind("database (SQLite)")),
    (b"PAR1", Kind("table (Parquet)")),
    (b"\x93NUMPY", Kind("array (NumPy)")),
    (b"\x89HDF\r\n\x1a\n", Kind("array (HDF5)")),
    (b"\x7fELF", Kind("program")),
    (b"MZ", Kind("program")),
)
_IN_RIFF = {
    b"WEBP": Kind("WebP", "WEBP"),
    b"AVI ": Kind("video (AVI)"),
    b"WAVE": Kind("sound"),
}
_TAR = Kind("archive (tar)")
_BY_FIRST: dict[bytes, list[tuple[bytes, Kind]]] = {}
for _magic, _kind in _SIGNATURES:
    _BY_FIRST.setdefault(_magic[:1], []).append((_magic, _kind))

# Brands of ISO base media files (ISO/IEC 14496-12), by the format that they stand for; a file of
# any other brand is a video. `mif1` and `msf1` say only "a still picture", and a later brand which.
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_MARKUP = (
    ("<svg", Kind("SVG drawing")),
    ("<!doctype html", Kind("web page (HTML)")),
    ("<html", Kind("web page (HTML)")),
)
# Of control characters text has these alone, and escape in a log.
_IN_TEXT = dict.fromkeys(map(ord, "\t\n\r\f\x1b"))


def kind_of(head: bytes) -> Kind:
    """Return what a file is.

    Args:
        head: Its first `HEAD_BYTES`, or all of a shorter one.
    """
    if head.startswith(_JPEG_START):  # nearly every time
        return _JPEG
    if not head:
        return _EMPTY
    found = (tell(head) for tell in (_signed, _media, _bitmap, _icon, _portable, _written))
    return next((kind for kind in found if kind), UNKNOWN)


def kind_of_named(name: str, head: bytes) -> Kind:
    """Return what a file is; whether a TIFF is a camera's raw file, the name says as well."""
    kind = kind_of(head)
    is_called_raw = (
        kind.decoder in ("TIFF", "") and name[name.rfind(".") :].lower() in _RAW_SUFFIXES
    )
    return RAW if is_called_raw else kind


def _signed(head: bytes) -> Kind | None:
    if head.startswith(b"RIFF"):  # what it holds stands behind its length
        return _IN_RIFF.get(head[8:12])
    fitting = (kind for magic, kind in _BY_FIRST.get(head[:1], ()) if head.startswith(magic))
    return next(fitting, _TAR if head.startswith(b"ustar", 257) else None)


def _media(head: bytes) -> Kind | None:
    if head[4:8] != b"ftyp":
        return None
    # The first brand, a version, then the compatible ones up to the end of the box.
    length = min(int.from_bytes(head[:4]), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, length, 4))]
    if brands[0] in _AVIF_BRANDS or (brands[0] in _HEIC_BRANDS and _AVIF_BRANDS & {*brands}):
        return _AVIF
    if brands[0] in _HEIC_BRANDS:
        return _HEIC
    if brands[0] == b"crx ":
        return RAW
    return Kind("sound" if brands[0] in (b"M4A ", b"M4B ") else "video (MP4 or QuickTime)")


def _bitmap(head: bytes) -> Kind | None:
    # Two letters alone begin many a text; the header's own size has few values.
    size = int.from_bytes(head[14:18], "little")
    found = head[:2] == b"BM" and size in (12, 16, 40, 52, 56, 64, 108, 124)
    return Kind("BMP", "BMP") if found else None


def _icon(head: bytes) -> Kind | None:
    # Reserved, type 1, a number of pictures; then of the first one a reserved byte.
    count = int.from_bytes(head[4:6], "little")
    found = head[:4] == b"\0\0\1\0" and 0 < count < 256 and len(head) > 22 and head[9] == 0
    return Kind("ICO", "ICO") if found else None


def _portable(head: bytes) -> Kind | None:
    found = head[:2] in (b"P4", b"P5", b"P6") and head[2:3].isspace()
    return Kind("PPM", "PPM") if found and head[3:4] in b"#0123456789" else None


def _written(head: bytes) -> Kind | None:
    try:
        # The last character may be cut in two.
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(head) < HEAD_BYTES or error.start < len(head) - 3:
            return None
        text = head[: error.start].decode("utf-8-sig")
    if not text.translate(_IN_TEXT).isprintable():
        return None
    opening = text.lower()
    return next((kind for sign, kind in _MARKUP if sign in opening), _TEXT)
