"""Names as people mean them: forms of the same letter compared alike, bytes decoded."""

import fnmatch
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# How ZIP programs write names that are not UTF-8, the likelier first where names fit several: DOS
# and Windows of western Europe and Russia, Japan, China, Taiwan, Korea.
_CODE_PAGES = {
    "cp437": "western European, DOS",
    "cp850": "western European, DOS",
    "cp1252": "western European, Windows",
    "cp866": "Cyrillic, DOS",
    "cp932": "Shift-JIS, Japanese",
    "gb18030": "GB 18030, Chinese",
    "big5": "Big5, Chinese",
    "cp949": "EUC-KR, Korean",
}
# Of many names the first tell enough.
_LOOKED_AT, _MOST_BYTES = 500, 100_000


@dataclass(frozen=True, slots=True)
class Guess:
    """Names whose encoding nobody said.

    Attributes:
        names: As they were meant, in the order given.
        encoding: How they were read, in words.
    """

    names: tuple[str, ...]
    encoding: str


def composed(text: str) -> str:
    """Return a text in the one form of Unicode (NFC) in which names are compared and classes kept.

    A letter with an accent is one sign on Linux and Windows and two on a Mac; names that look the
    same are the same. The path of a file keeps its own form, by which it is opened.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def named(path: str) -> str:
    """Return a path as it is compared with one that a person writes, by hand or in a table."""
    return composed(path.strip().replace("\\", "/").removeprefix("./"))


def by_name(paths: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what to look paths up in with `find_named`.

    Two files may have names that look the same; each is then found by its own, to the letter.

    Args:
        paths: What each is called, and the path itself.
    """
    called = list(paths)
    return {named(name): path for name, path in called} | dict(called)


def find_named(places: Mapping[str, str], text: str) -> str | None:
    """Return the path that a person means; None where there is none.

    Args:
        places: As `by_name` has it.
    """
    return places.get(text) or places.get(named(text))


def forms(text: str) -> list[str]:
    """Return a text in every form that a stored path may have; one where they are the same."""
    return list(dict.fromkeys((composed(text), unicodedata.normalize("NFD", text))))


def folded(text: str) -> str:
    """Return a text for comparing whatever case and form."""
    return composed(composed(text).casefold())


def fits(path: str, pattern: str) -> bool:
    """Whether a path matches a pattern such as `*/test_*`, whatever the form of its letters."""
    return fnmatch.fnmatchcase(composed(path), composed(pattern))


def guessed(raw: Sequence[bytes]) -> Guess:
    """Decode names that one program wrote: as UTF-8 where all are, else by what reads best.

    Args:
        raw: As they were written; one at least has a byte above 127.
    """
    try:
        return Guess(tuple(name.decode() for name in raw), "UTF-8")
    except UnicodeDecodeError:
        page = _best_code_page(raw)
    return Guess(tuple(name.decode(page, "replace") for name in raw), _CODE_PAGES[page])


def _best_code_page(raw: Sequence[bytes]) -> str:
    from charset_normalizer import from_bytes

    pages = list(_CODE_PAGES)
    odd = [name for name in raw if not name.isascii()][:_LOOKED_AT]
    text = b"\n".join(odd)[:_MOST_BYTES]
    fits = from_bytes(text, cp_isolation=pages, threshold=0.6)
    # A small `chaos` means few odd neighbours, `coherence` is how much it looks like a language.
    ranked = sorted(
        (round(fit.chaos, 2), -round(fit.coherence, 2), pages.index(fit.encoding))
        for fit in fits
        if fit.encoding in pages
    )
    return pages[ranked[0][2]] if ranked else pages[0]
