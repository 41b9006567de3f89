"""Where everything that the app writes lies: one folder, and a name for whatever is in it."""

from dataclasses import dataclass
from pathlib import Path

from core.logs import FILE_NAME


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data folder; what is in it is made when it is first needed."""

    root: Path

    @property
    def database(self) -> Path:
        """The Milvus Lite database."""
        return self.root / "orchard.db"

    @property
    def thumbnails(self) -> Path:
        """Small pictures, named after the digest of the file they show."""
        return self.root / "thumbnails"

    @property
    def embeddings(self) -> Path:
        """Embeddings that were read from the database, one copy for all pages."""
        return self.root / "embeddings"

    @property
    def projections(self) -> Path:
        """Maps and neighbour tables."""
        return self.root / "projections"

    @property
    def corrections(self) -> Path:
        """What people have said of single pictures, a file a collection."""
        return self.root / "corrections"

    @property
    def reports(self) -> Path:
        """Reports of evaluations."""
        return self.root / "reports"

    @property
    def tunings(self) -> Path:
        """What indexes were measured to cost, a file a collection."""
        return self.root / "tunings"

    @property
    def reductions(self) -> Path:
        """What was fitted to make embeddings smaller, a file each, by their encoder's identity."""
        return self.root / "reductions"

    @property
    def runs(self) -> Path:
        """What the dashboard did in the background, a file a run."""
        return self.root / "runs"

    @property
    def index_reports(self) -> Path:
        """What the indexing script did, a file a run."""
        return self.root / "index_reports"

    @property
    def uploads(self) -> Path:
        """Uploaded archives and the datasets unpacked from them."""
        return self.root / "uploads"

    @property
    def sample(self) -> Path:
        """The drawn dataset."""
        return self.root / "sample"

    @property
    def log(self) -> Path:
        """What a person is not shown."""
        return self.root / FILE_NAME

    @property
    def app(self) -> Path:
        """Which dashboard runs here: its process and its port."""
        return self.root / "app.json"
