"""What the benchmarks share: fair timing, peak memory, and figures that can be read."""

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path


def seconds(work: Callable[[], object]) -> float:
    """Return the wall seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median_seconds(
    works: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: bool = True
) -> dict[str, float]:
    """Return the median wall seconds of each piece of work, by name.

    The pieces take turns, so that another load on the machine meets them alike.

    Args:
        warm_up: Run each once before it is timed.
    """
    if warm_up:
        for work in works.values():
            work()
    return median_times(works, rounds=rounds)[0]


def median_times(
    works: Mapping[str, Callable[[], object]], *, rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the median wall and processor seconds of each piece of work, taking turns.

    Processor seconds are those of all threads over the number of processors: what a run would take
    that had every processor busy, and hardly changed by what else the machine does.
    """
    wall: dict[str, list[float]] = {name: [] for name in works}
    processor: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            before = time.process_time()
            wall[name].append(seconds(work))
            processor[name].append((time.process_time() - before) / (os.cpu_count() or 1))
    return _medians(wall), _medians(processor)


def _medians(times: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(taken) for name, taken in times.items()}


def peak_bytes(process: int | None = None) -> int:
    """Return the most memory that this process, or on Linux another one, has held so far."""
    try:
        # Linux counts what a parent held before it started this program among the rest.
        status = Path(f"/proc/{process or 'self'}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        if process:
            raise
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes on Linux, bytes on macOS.
    return peak if sys.platform == "darwin" else peak * 1024


def resident_bytes() -> int:
    """Return the memory that this process holds now; the most so far where only Linux tells."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        return peak_bytes()


def print_figures(figures: Mapping[str, object], *, as_json: bool) -> None:
    """Print figures one a line, or as JSON with all digits."""
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        shown = f"{value:.4g}" if isinstance(value, float) else f"{value}"
        print(f"{name.replace('_', ' '):<32} {shown}")
