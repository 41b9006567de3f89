"""What runs on the machines of the cluster."""

import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.dataset_root import Root
from core.errors import ClusterError, OrchardError
from core.indexing.encoding import Candidate, EncodingHere, Outcome
from core.records import EncoderIdentity
from core.wording import counted

if TYPE_CHECKING:
    from core.encoder.encoder import Encoder


@dataclass(frozen=True, slots=True)
class Work:
    """What every worker has to know.

    Attributes:
        identity: What the embeddings are to be made by.
        make: Makes an encoder; called once by every worker.
        root: The dataset folder.
        most_deaths: After so many deaths over the same portion the run ends.
    """

    identity: EncoderIdentity
    make: Callable[[], "Encoder"]
    root: Root
    most_deaths: int


class Worker:
    """Loads the encoder once and encodes portions; Ray makes one for each encoder."""

    def __init__(
        self,
        work: Any,  # noqa: ANN401 - where the cluster has a `Work`
        begun: Any,  # noqa: ANN401 - a handle of `Begun`
        processors: int,
    ) -> None:
        self._work: Work = _get(work)
        self._begun = begun
        self._encoding: EncodingHere | None = None
        # Told with the first portion: of what is raised here Ray would keep the traceback alone.
        self._fault: OrchardError | None = None
        try:
            encoder = checked(self._work.make(), self._work.identity)
            self._encoding = EncodingHere(encoder, threads=max(2, processors))
        except OrchardError as error:
            self._fault = error

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[Any]]:
        """Answer every portion with what became of it, or an `OrchardError`; both are pickled."""
        return {
            "number": list(rows["number"]),
            "content": [
                pickle.dumps(self._become(int(number), pickle.loads(content)))  # noqa: S301 - our own
                for number, content in zip(rows["number"], rows["content"], strict=True)
            ],
        }

    def _become(self, number: int, candidates: Sequence[Candidate]) -> list[Outcome] | OrchardError:
        if self._encoding is None:
            return self._fault or ClusterError("a worker has no encoder.")
        most_deaths = self._work.most_deaths
        if _get(self._begun.again.remote(number)) > most_deaths:
            return ClusterError(
                f"{counted(most_deaths, 'worker')} died over the same "
                f"{counted(len(candidates), 'picture')}, {candidates[0].path!r} to "
                f"{candidates[-1].path!r}. Look whether one of these is damaged, or whether the "
                "machines have too little memory. What was encoded is kept: the same command "
                "continues from there."
            )
        try:
            found = self._encoding.outcomes(self._work.root, candidates, total=len(candidates))
            return [outcome for some in found for outcome in some]
        except OrchardError as error:
            return error


class Begun:
    """Counts how often each portion was begun; one for a run."""

    def __init__(self) -> None:
        self._times: Counter[int] = Counter()

    def again(self, number: int) -> int:
        """Count one more; returns how many there are."""
        self._times[number] += 1
        return self._times[number]


def checked(encoder: "Encoder", identity: EncoderIdentity) -> "Encoder":
    """Return the encoder.

    Raises:
        ClusterError: It is another one.
    """
    if encoder.identity != identity:
        raise ClusterError(
            f"a worker made the encoder {encoder.identity}, and the run is to use {identity}. "
            "Install the same packages on every machine."
        )
    return encoder


def _get(reference: Any) -> Any:  # noqa: ANN401
    import ray

    return ray.get(reference)
