"""Step 2 of a build: what is there, before anything runs."""

from collections.abc import Callable

import streamlit as st

from core.dataset.files import image_id
from core.records import ImageRecord
from core.ui.text import plain
from core.ui.tiles import Width, draw_tile, tile_line
from core.wording import classes, counted
from pages.collection.build.source import Source

# Each is decoded when the folder is chosen.
_SHOWN = 9


def show_preview(source: Source) -> None:
    """Show how many pictures a class has, and one of each of some classes."""
    counts = source.classes
    named = len(counts) - ("" in counts)
    st.markdown(
        f"{counted(source.pictures, 'picture')} in {classes(named)}, by "
        + plain(source.known.found_by)
    )
    if source.known.columns:
        st.caption(plain(f"Kept besides: {', '.join(source.known.columns)}"))
    for doubt in source.known.doubts:
        st.warning(plain(doubt), icon=":material/help:")
    if source.read:
        _show_samples(source, source.read)
    if len(counts) > _SHOWN or not source.read:
        with st.expander("Pictures a class", type="compact"):
            st.dataframe(
                [{"Class": label or "no class", "Pictures": n} for label, n in counts.items()],
                hide_index=True,
                width=360,
                key="build_classes",
            )


def samples(source: Source, *, most: int = _SHOWN) -> list[ImageRecord]:
    """Return the first picture of classes from all over their order; they have no digest yet."""
    counts = list(source.classes)
    chosen = {counts[place * len(counts) // most] for place in range(most)}
    found: dict[str, ImageRecord] = {}
    for path in source.paths:
        record = ImageRecord(image_id(path), path, source.known.of(path), "")
        if record.label in chosen:
            found.setdefault(record.label, record)
    return [found[label] for label in sorted(found)]


def _show_samples(source: Source, read: Callable[[ImageRecord], bytes]) -> None:
    counts = source.classes
    with st.container(horizontal=True, gap="small", key="build_samples"):
        for record in samples(source):
            label, own = record.label or "no class", f"build_{record.id}"
            alt = f"{label}, {record.path}"
            with draw_tile(record, read, alt=alt, width=Width.SMALL, key=own).below:
                tile_line(label, f"{counts[record.label]:,}", help=plain(record.path))
