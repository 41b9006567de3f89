"""The pictures of a collection, found by id, by class, by digest, by path and by column."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from core.collection.columns import Column, Having, columns_of, has_all
from core.corrections.correction import Applied
from core.dataset.names import folded
from core.records import ImageRecord


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every row of a collection as corrected, without its embedding; not to be changed.

    Attributes:
        by_id: In order of the paths.
        by_class: Classes in order, the pictures of each in order of their paths.
        columns: Further columns by name; positions are those of `by_id`.
        told: Changes, within this process, with what the columns say.
        by_digest: The ids of pictures with the same bytes; pictures without a digest are left out.
        fingerprint: Changes with any row and with the encoder, see
            `core.embeddings.fingerprint`.
        stored: The same of the rows as they are stored, before corrections.
        applied: Which corrections make the difference.
        tags: Of pictures that have some, by path.
    """

    by_id: Mapping[int, ImageRecord]
    by_class: Mapping[str, tuple[ImageRecord, ...]]
    by_digest: Mapping[str, tuple[int, ...]]
    fingerprint: str = ""
    stored: str = ""
    applied: Applied = Applied()  # noqa: RUF009 - frozen
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    columns: Mapping[str, Column] = field(default_factory=dict)
    told: int = 0

    def matching(
        self, words: str, *, label: str | None = None, having: Having = ()
    ) -> list[ImageRecord]:
        """Return the pictures whose path or tags hold every word, whatever its case and form.

        Args:
            label: Only of this class; None means all.
            having: Only those with one of the values in each of these further columns.
        """
        among: Iterable[ImageRecord] = (
            self.by_id.values() if label is None else self.by_class.get(label, ())
        )
        if having:
            passed = self._ids_having(having)
            among = [record for record in among if record.id in passed]
        wanted = folded(words).split()
        if not wanted:
            return list(among)
        return [r for r in among if all(word in self._text(r.path) for word in wanted)]

    def count(self, label: str, *, having: Having = (), without: Iterable[int] = ()) -> int:
        """Return how many pictures a class has.

        Args:
            having: Only those with one of the values in each of these further columns, as stored.
            without: Ids that do not count.
        """
        left_out = {
            number
            for number in without
            if (record := self.by_id.get(number))
            and record.label == label
            and has_all(record.further, having)
        }
        same = self.by_class.get(label, ())
        found = sum(has_all(record.further, having) for record in same) if having else len(same)
        return found - len(left_out)

    def _text(self, path: str) -> str:
        return folded(" ".join((path, *self.tags.get(path, ()))))

    def _ids_having(self, having: Having) -> set[int]:
        mask = np.ones(len(self.by_id), dtype=bool)
        for name, values in having:
            mask &= self.columns[name].mask(*values) if name in self.columns else False
        return set(itertools.compress(self.by_id, mask))


def catalogue_of(
    records: Iterable[ImageRecord],
    *,
    fingerprint: str = "",
    stored: str = "",
    applied: Applied = Applied(),  # noqa: B008 - frozen
    tags: Mapping[str, tuple[str, ...]] | None = None,
) -> Catalogue:
    """Arrange records; the other arguments are those of `Catalogue`."""
    ordered = sorted(records, key=lambda record: record.path)
    by_class: dict[str, list[ImageRecord]] = {}
    by_digest: dict[str, tuple[int, ...]] = {}
    # Nearly all digests have one picture: a list for each takes as long as all the rest.
    copies: dict[str, list[int]] = {}
    for record in ordered:
        by_class.setdefault(record.label, []).append(record)
        if record.digest in by_digest:
            copies.setdefault(record.digest, [*by_digest[record.digest]]).append(record.id)
        elif record.digest:
            by_digest[record.digest] = (record.id,)
    by_digest |= {digest: tuple(ids) for digest, ids in copies.items()}
    return Catalogue(
        by_id={record.id: record for record in ordered},
        by_class={label: tuple(by_class[label]) for label in sorted(by_class)},
        by_digest=by_digest,
        fingerprint=fingerprint,
        stored=stored,
        applied=applied,
        tags=tags or {},
        columns=columns_of([record.further for record in ordered]),
        told=hash(tuple((record.id, record.further) for record in ordered)),
    )
