"""How fast a stage of a run goes, over its last moments."""

from collections import deque

# Pictures that are known already pass much faster than those that are encoded, so only the last
# moments count.
WINDOW_SECONDS = 10.0
# Over less than this, the pause between two batches would decide.
_LEAST_SECONDS = 1.0
_SPACING_SECONDS = 0.2


class Rate:
    """Steps a second, measured from the last count that is a window old."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()
        self._rate = 0.0

    def record(self, moment: float, done: int) -> float:
        """Note how many steps are done, and return steps a second; 0 while that is unknown.

        Where batches take longer than `WINDOW_SECONDS`, the window reaches back to the end of the
        batch before. A call that counts nothing new changes nothing: a batch lasts until it is
        counted.

        Args:
            moment: In seconds, never less than that of the call before.
            done: Less than in the call before begins anew.
        """
        counts = self._counts
        if counts and done == counts[-1][1]:
            return self._rate
        if counts and done < counts[-1][1]:
            counts.clear()
        if len(counts) > 1 and moment - counts[-2][0] < _SPACING_SECONDS:
            # Not left out: the last of a burst says where the next batch begins.
            counts[-1] = (moment, done)
        else:
            counts.append((moment, done))
        while len(counts) > 1 and moment - counts[1][0] >= WINDOW_SECONDS:
            counts.popleft()
        since, before = counts[0]
        seconds = moment - since
        self._rate = (done - before) / seconds if seconds >= _LEAST_SECONDS else 0.0
        return self._rate
