"""Which batch size is the fastest here, found out while working."""

from collections.abc import Sequence

# The first batch of a size sets up kernels, and another load on the machine may hit any of them.
_TRIES = 3


class BatchPace:
    """Chooses batch sizes: each candidate in turn until it was timed, then the fastest.

    Timing costs nothing, since the batches are work that has to be done anyway.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sorted(sizes))
        self._seconds: dict[int, list[float]] = {size: [] for size in self.sizes}

    @property
    def fastest(self) -> int:
        """The candidate with the least time a picture so far; the smallest before any was timed."""
        timed = {size: min(times) / size for size, times in self._seconds.items() if times}
        return min(timed, key=timed.__getitem__, default=self.sizes[0])

    def next(self, left: int) -> int:
        """Return how many of `left` >= 1 pictures to take at once."""
        due = [s for s in self.sizes if s <= left and len(self._seconds[s]) < _TRIES]
        return max(due) if due else min(self.fastest, left)

    def rule_out(self, size: int) -> None:
        """Take no batch of `size` >= 2 or more any longer, since the memory is too small for it."""
        self.sizes = tuple(s for s in self.sizes if s < size) or (size // 2,)
        self._seconds = {size: self._seconds.get(size, []) for size in self.sizes}

    def record(self, size: int, seconds: float) -> None:
        """Note the time a batch took; sizes that are no candidates are left out."""
        if size in self._seconds and len(self._seconds[size]) < _TRIES:
            self._seconds[size].append(seconds)
