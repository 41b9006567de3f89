"""The exceptions a user can meet.

Every message says what happened, names the value at fault and ends with what to do next, so that
a page or a script can show it as it is.
"""


class OrchardError(Exception):
    """Base of everything Orchard raises on purpose; its text is fit to be shown to a person."""


class SettingsError(OrchardError):
    """A setting has a value that is not allowed."""


class ReadOnlyError(OrchardError):
    """A change was asked for where changes are not allowed."""


class BusyError(OrchardError):
    """A run was asked for while another one is going on."""


class FileError(OrchardError):
    """A file cannot be written: no room, or not allowed."""


class ArchiveError(OrchardError):
    """An uploaded archive is damaged, holds no picture, or holds what must not be unpacked."""


class DatasetError(OrchardError):
    """The dataset folder is missing, empty or holds no pictures."""


class ImageError(OrchardError):
    """One picture cannot be used: not an image, damaged, or too large to be decoded safely."""


class WeightsError(OrchardError):
    """A checkpoint is missing, damaged, of another architecture, or not what its name says."""


class WeightsDownloadError(WeightsError):
    """Weights could not be fetched over the network."""


class DeviceMemoryError(OrchardError):
    """The device that encodes has too little memory for a single picture."""


class StoreError(OrchardError):
    """The vector database refused or failed a request."""


class StoreUnavailableError(StoreError):
    """The vector database cannot be reached, or another process holds it."""


class StoreFullError(StoreError):
    """The disk of the vector database is full."""


class CollectionNotFoundError(StoreError):
    """The collection asked for does not exist."""


class ClusterError(OrchardError):
    """The machines that encode cannot be reached, or have failed."""


class EncoderMismatchError(OrchardError):
    """A collection was built with another encoder than the one about to query or extend it."""


class ReductionError(OrchardError):
    """Embeddings cannot be made smaller as asked, or what was fitted for that is gone."""


class QueryError(OrchardError):
    """A search was asked for with a value outside its range."""


class ReportError(OrchardError):
    """A saved report cannot be written, read, or compared."""


class CorrectionError(OrchardError):
    """A correction of a picture is not allowed, or the file of the corrections cannot be used."""


class ProjectionError(OrchardError):
    """A map was asked for with a value outside its range, or its computation failed."""
