"""Frozen records that cross module borders."""

from dataclasses import dataclass

from core.metric import Metric


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One picture of a dataset.

    Attributes:
        id: 0 <= id < 2**63; the first 63 bits of BLAKE2b over `path`, so the same file has the
            same id on every machine and in every run. In a collection that others made, any int64.
        path: Relative to the dataset folder, with forward slashes.
        label: The first folder of `path`; empty for a picture that lies in no folder.
        digest: BLAKE2b of the file's bytes, 32 hexadecimal digits; empty where nobody took it.
    """

    id: int
    path: str
    label: str
    digest: str


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that was left out, and why, in words fit for a report."""

    path: str
    reason: str


_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EncoderIdentity:
    """What must agree for two embeddings to be comparable.

    Attributes:
        architecture: Name of the network, such as `resnet50`.
        weights: First eight hexadecimal digits of the SHA-256 of the weights file.
        preprocessing: Short text such as `resize256-crop224-imagenet`.
        dimension: Numbers in an embedding.
    """

    architecture: str
    weights: str
    preprocessing: str
    dimension: int

    def __str__(self) -> str:
        """Return the identity as one string; `parse` reads it back."""
        return f"{self.architecture}/{self.weights}/{self.preprocessing}/{self.dimension}"

    @classmethod
    def parse(cls, text: str) -> "EncoderIdentity":
        """Read what `str` wrote.

        Raises:
            ValueError: `text` has another form.
        """
        architecture, weights, preprocessing, dimension = text.split("/")
        return cls(architecture, weights, preprocessing, int(dimension))

    @classmethod
    def unknown(cls, dimension: int) -> "EncoderIdentity":
        """Return what stands for the encoder of a collection that does not name it."""
        return cls(_UNKNOWN, _UNKNOWN, _UNKNOWN, dimension)

    @property
    def is_known(self) -> bool:
        """Whether pictures can be encoded alike; else only stored ones can be searched with."""
        return self.architecture != _UNKNOWN


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


@dataclass(frozen=True, slots=True)
class Hit:
    """One row that a search found.

    Attributes:
        rank: From 1, best first.
        score: As Milvus returns it, see `core.metric`.
    """

    rank: int
    record: ImageRecord
    score: float


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """One collection of a family, as the database describes it.

    Attributes:
        name: Of the collection, such as `fruit_vector_l2`.
        rows: Live rows.
        index_type: Such as `IVF_FLAT`; empty while there is no index.
        nlist: Number of lists of an IVF index as built; 0 for other index types.
        pending_rows: Rows the index does not cover yet; they are searched by brute force.
        encoder: What made the embeddings; see `EncoderIdentity.is_known`.
        dataset: Absolute folder that was indexed, on the machine that indexed it; empty where
            nobody has said which folder may be opened (a collection that others made).
        complete: Whether the last indexing run went through to its end.
        m: Links a row of an HNSW index has, as built; 0 for other index types.
        ef_construction: Candidates HNSW was built with; 0 for other index types.
        schema: Which fields hold what.
        is_foreign: Whether others made it: it is searched, evaluated and mapped, never written.
        begun_by: Token of the replacement that made it; empty where it had none.
    """

    name: str
    metric: Metric
    dimension: int
    rows: int
    index_type: str
    nlist: int
    pending_rows: int
    encoder: EncoderIdentity
    dataset: str
    complete: bool
    m: int = 0
    ef_construction: int = 0
    schema: Schema = Schema()
    is_foreign: bool = False
    begun_by: str = ""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one query.

    Attributes:
        hits: Best first; fewer than `k` when the index or the filter left no more.
        k: Hits asked for.
        nprobe: Lists that were searched for this answer; 0 where the index has no lists.
        ef: Candidates an HNSW index looked at for this answer; 0 for other index types.
        encode_ms: Milliseconds to turn the picture into an embedding; 0 when it was stored.
        search_ms: Milliseconds the database took, with the way there and back.
    """

    hits: tuple[Hit, ...]
    metric: Metric
    k: int
    nprobe: int
    encode_ms: float
    search_ms: float
    ef: int = 0
