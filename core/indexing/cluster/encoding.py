"""Encoding on a cluster, as an indexing run asks for it.

Every worker loads the encoder once and does with its pictures what `EncodingHere` does with all.
The pictures travel in portions. A portion that was lost with its worker is done anew by another and
counts once, whatever happened to it.
"""

import contextlib
import logging
import pickle
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from core.config import Precision
from core.dataset_root import Root
from core.encoder.weights import Checkpoint
from core.errors import ClusterError, OrchardError, WeightsError
from core.indexing.cluster.connection import Cluster, Workers
from core.indexing.cluster.worker import Work
from core.indexing.encoding import Candidate, Outcome
from core.records import EncoderIdentity
from core.wording import counted

if TYPE_CHECKING:
    from core.encoder.encoder import Encoder

logger = logging.getLogger(__name__)

# Pictures of a portion: enough to keep the threads of a worker busy, few enough to spread them, and
# to lose few with a worker.
_PORTION, _PORTION_OF_GPU = 64, 1024
# Portions that each worker gets at least, where there are pictures enough.
_PORTIONS = 4


@dataclass(frozen=True)
class EncodingOnCluster:
    """Encoders on the machines of a cluster.

    Attributes:
        identity: What makes the embeddings.
        make: Called once by every worker; it must be picklable.
        cluster: Where; see `connected`.
        most_deaths: After so many deaths over the same portion the run ends; Ray would have it done
            anew for ever, also where a picture kills whatever reads it.
    """

    identity: EncoderIdentity
    make: Callable[[], "Encoder"]
    cluster: Cluster
    most_deaths: int = 5

    @property
    def workers(self) -> Workers:
        """How many there are, and what each has."""
        return self.cluster.workers

    def outcomes(
        self, root: Root, candidates: Iterable[Candidate], *, total: int
    ) -> Generator[Sequence[Outcome], None, None]:
        """Yield what became of every candidate, exactly once, a portion at a time, in any order.

        Raises:
            ClusterError: The cluster failed; what was yielded before is as good as ever.
            OrchardError: The encoder cannot be loaded, or has too little memory.
        """
        missing: dict[int, int] = {}

        def packed() -> Iterator[bytes]:
            for number, portion in enumerate(self._portions(candidates, total)):
                missing[number] = len(portion)
                yield pickle.dumps(portion)

        work = Work(self.identity, self.make, root, self.most_deaths)
        with contextlib.closing(self.cluster.results(work, packed())) as results:
            for number, content in results:
                became = pickle.loads(content)  # noqa: S301 - our worker's
                if isinstance(became, OrchardError):
                    raise became
                if missing.get(number) != len(became):
                    # Ray has done one twice, to make up for a fault; both are the same.
                    logger.info("portion %d came back again", number)
                    continue
                del missing[number]
                yield became
        if missing:
            raise ClusterError(
                f"{counted(sum(missing.values()), 'picture')} came back from no worker. What was "
                "encoded is kept: the same command continues from there."
            )

    def _portions(
        self, candidates: Iterable[Candidate], total: int
    ) -> Iterator[Sequence[Candidate]]:
        most = _PORTION_OF_GPU if self.workers.has_gpu else _PORTION
        size = max(1, min(most, -(-total // (_PORTIONS * self.workers.count))))
        remaining = iter(candidates)
        return iter(lambda: list(islice(remaining, size)), [])


def sent(checkpoint: Checkpoint, *, precision: Precision) -> Callable[[], "Encoder"]:
    """Have weights sent to the cluster; its machines need no file of them.

    Returns:
        What makes an encoder of them there, for `EncodingOnCluster`.

    Raises:
        WeightsError: The file cannot be read.
    """
    try:
        content = checkpoint.path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"the weights {str(checkpoint.path)!r} cannot be read ({error.strerror}). Check the "
            "file."
        ) from error
    return _SentEncoder(checkpoint, precision, content)


@dataclass(frozen=True, slots=True)
class _SentEncoder:
    checkpoint: Checkpoint
    precision: Precision
    content: bytes

    def __call__(self) -> "Encoder":
        from core.encoder.encoder import Encoder

        with tempfile.TemporaryDirectory(prefix="orchard-") as folder:
            # The name carries the hash that is checked.
            file = Path(folder) / self.checkpoint.path.name
            file.write_bytes(self.content)
            here = replace(self.checkpoint, path=file)
            return Encoder(here, precision=self.precision)
