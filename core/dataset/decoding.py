"""The bytes of a picture -> a safe RGB picture."""

import io
import logging
from functools import cache

import numpy as np
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import TiffImageFile

from core.dataset.files import not_a_picture
from core.dataset.formats import ico, tiff
from core.dataset.formats.colour import to_srgb
from core.dataset.formats.depth import brightened, eight_bits
from core.dataset.formats.jpeg import uninverted, unpadded, with_end
from core.dataset.formats.kinds import FORMAT_NAMES, HEAD_BYTES, RAW, kind_of, kind_of_named
from core.dataset.formats.png import lightened
from core.errors import ImageError

logger = logging.getLogger(__name__)


# 150 million pixels are 450 MB as RGB; anything that declares more is refused before decoding.
MAX_PIXELS = 150_000_000


# EXIF orientation -> what undoes it.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Below this brightness (of 255) a shape stands out against white.
_VISIBLE_ON_WHITE = 235
# Of the pixels of a shape so many must, or it is taken for a white one, with its shadows.
_VISIBLE_SHARE = 0.02
# Neither white nor black shapes vanish before it.
_NEUTRAL = "#808080"


# The limit above is checked by ourselves, with our own message.
Image.MAX_IMAGE_PIXELS = None


# Where `decode` leaves the size of the whole picture.
_WHOLE_SIZE = "whole size"


class _DamagedError(ImageError):
    """The pixels of a picture break off, or are wrong."""


def decode(content: bytes, *, name: str, short_side: int | None = None) -> Image.Image:
    """Decode the bytes of a picture as people have them into plain RGB.

    EXIF rotation is applied, colour profiles lead to sRGB, transparency is laid over white (over
    grey where the picture would vanish), more than 8 bits and CMYK are converted, and of an
    animation the first frame is taken. What the file is, is told by its content.

    Args:
        content: The whole file: JPEG, PNG, WebP, GIF, AVIF, HEIC, TIFF, BMP, JPEG 2000,
            ICO, PPM.
        name: Of the file, for messages.
        short_side: A JPEG may be decoded at a reduced scale as long as its shorter side keeps at
            least twice this many pixels; None decodes in full.

    Raises:
        ImageError: `content` is empty, no picture, damaged, or declares more than 150 million
            pixels.
    """
    is_jpeg = kind_of(content[:HEAD_BYTES]).decoder == "JPEG"
    if is_jpeg:
        content = unpadded(content)
    try:
        return _decoded(content, name=name, short_side=short_side)
    except _DamagedError:
        whole = with_end(content) if is_jpeg else None
        if whole is None:
            raise
        return _decoded(whole, name=name, short_side=short_side)


def whole_size(picture: Image.Image) -> tuple[int, int]:
    """Return the size of what `decode` has decoded, perhaps at a reduced scale; before rotation."""
    size: tuple[int, int] = picture.info.get(_WHOLE_SIZE, picture.size)
    return size


def size_and_format(content: bytes, *, name: str) -> tuple[int, int, str]:
    """Return width, height and format of a picture from its header.

    Raises:
        ImageError: As `decode`; pixels that are damaged are not noticed.
    """
    picture, _ = _opened(content, name)
    with picture:
        return picture.width, picture.height, picture.format or "unknown"


def _decoded(content: bytes, *, name: str, short_side: int | None) -> Image.Image:
    picture, profile = _opened(content, name)
    size = picture.size
    try:
        with picture:
            # Cameras write MPO: a JPEG with further pictures behind it.
            if short_side and picture.format in ("JPEG", "MPO"):
                picture.draft("RGB", _enough(picture, 2 * short_side))
            pixels = _pixels(picture, content)
            flat = _flat(_upright(pixels, picture, name), profile)
            flat.info[_WHOLE_SIZE] = size
            return flat
    except Exception as error:  # decoders raise anything on damaged data
        logger.debug("decoding %r failed", name, exc_info=True)
        raise _DamagedError(
            f"{name!r} is damaged: {_one_line(error)}. Replace or remove the file."
        ) from error


def _opened(content: bytes, name: str) -> tuple[Image.Image, bytes | None]:
    """Return a picture of which only the header is read, and its colour profile."""
    if not content:
        raise ImageError(f"{name!r} is empty (0 bytes). Replace or remove the file.")
    kind = kind_of_named(name, content[:HEAD_BYTES])
    if not kind.is_picture:
        raise not_a_picture(kind, name=name)
    profile = None
    if kind.decoder == "PNG":
        content, profile = lightened(content)
    if kind.decoder == "HEIF":
        _register_heic()
    if kind.decoder == "ICO":  # decoded as soon as it is opened
        _refuse_huge(ico.declared_size(content), name)
    try:
        picture = Image.open(io.BytesIO(content), formats=(kind.decoder,))
    except Exception as error:  # decoders raise anything on damaged data
        raise ImageError(
            f"{name!r} is {kind.name} and cannot be read: it breaks off early, or is of a rare "
            f"kind, such as 12 bits a colour. Save it anew; possible are {FORMAT_NAMES}."
        ) from error
    if isinstance(picture, TiffImageFile) and tiff.is_raw(picture):
        picture.close()
        raise not_a_picture(RAW, name=name)
    _refuse_huge(picture.size, name)
    return picture, profile or picture.info.get("icc_profile")


@cache
def _register_heic() -> None:
    """Let Pillow read HEIC, in whichever process meets the first one."""
    from pillow_heif import register_heif_opener

    register_heif_opener()


def _refuse_huge(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{name!r} declares {width:,} x {height:,} pixels, more than the limit of "
            f"{MAX_PIXELS // 1_000_000} million. Make it smaller first."
        )


def _enough(picture: Image.Image, short_side: int) -> tuple[int, int]:
    width, height = picture.size
    scale = max(short_side / min(width, height), 0.0)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _pixels(picture: Image.Image, content: bytes) -> Image.Image:
    """Decode, or have decoded what Pillow would show wrong."""
    if isinstance(picture, TiffImageFile):
        mended = tiff.pixels(picture, content)
        if mended is not None:
            return mended
    picture.load()
    if picture.format == "PNG" and content[24] == 16 and picture.mode in ("RGB", "RGBA"):
        return brightened(picture)
    if (
        picture.format == "BMP"
        and picture.mode == "RGBA"
        and not any(picture.getchannel("A").histogram()[1:])
    ):
        # Programs leave the fourth byte at 0, and browsers pass over it then.
        return picture.convert("RGB")
    return uninverted(picture)


def _upright(pixels: Image.Image, picture: Image.Image, name: str) -> Image.Image:
    # ImageOps.exif_transpose also writes the EXIF block anew, and fails where cameras and editors
    # left nonsense in it; such a picture is whole.
    try:
        turn = _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # decoders raise anything on damaged data
        logger.info("the EXIF data of %r cannot be read; it is taken as upright", name)
        return pixels
    return pixels if turn is None else pixels.transpose(turn)


def _flat(picture: Image.Image, profile: bytes | None) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return to_srgb(Image.fromarray(eight_bits(np.asarray(picture))), profile)
    if "A" in picture.getbands() or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        alpha = rgba.getchannel("A")
        colours = picture.getchannel("L") if picture.mode == "LA" else rgba.convert("RGB")
        del rgba  # 600 MB at the limit
        return _on_background(to_srgb(colours, profile), alpha)
    if picture.mode in ("P", "1", "YCbCr"):
        picture = picture.convert("RGB")
    return to_srgb(picture, profile)


def _on_background(colours: Image.Image, alpha: Image.Image) -> Image.Image:
    """Lay a picture over white; a white one, which all look alike there, over grey."""
    laid = Image.new("RGB", colours.size, "white")
    laid.paste(colours, mask=alpha)
    if alpha.getextrema()[0] == 255:
        return laid
    shape = laid.convert("L").histogram(mask=alpha.point([0] * 128 + [255] * 128))
    if sum(shape[:_VISIBLE_ON_WHITE]) >= _VISIBLE_SHARE * sum(shape):
        return laid
    laid = Image.new("RGB", colours.size, _NEUTRAL)
    laid.paste(colours, mask=alpha)
    return laid


def _one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
