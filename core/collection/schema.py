"""Which fields of a collection hold what."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schema:
    """Which fields of a collection hold what; as it stands here, those of our own collections.

    Attributes:
        key: The integer primary key.
        vector: The embedding.
        path: Text: where the picture lies.
        label: Text: its class; empty where that is the first folder of the path.
        digest: Text: of the file's bytes; empty where there is no such field.
        prefix: What stored paths begin with and records leave out, such as `/data/fruit/`.
        dynamic: Whatever else is stored with a row, by names of its own; empty where the collection
            takes no such fields, or others made it.
    """

    key: str = "m_id"
    vector: str = "embedding"
    path: str = "path"
    label: str = "label"
    digest: str = "digest"
    prefix: str = ""
    dynamic: str = "$meta"

    @property
    def record_fields(self) -> list[str]:
        """The fields that a record is made of, without the key."""
        return [name for name in (self.path, self.label, self.digest, self.dynamic) if name]

    @property
    def named(self) -> frozenset[str]:
        """All fields that the schema names; what else a row has is dynamic."""
        return frozenset({self.key, self.vector, *self.record_fields})
