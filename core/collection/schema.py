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
    """

    key: str = "m_id"
    vector: str = "embedding"
    path: str = "path"
    label: str = "label"
    digest: str = "digest"
    prefix: str = ""

    @property
    def record_fields(self) -> list[str]:
        """The fields that a record is made of, without the key."""
        return [name for name in (self.path, self.label, self.digest) if name]
