"""The benchmark runs and reports what it measured; speed itself is not asserted."""

import contextlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from core.encoder.weights import offline_weights
from core.indexing.cluster.connection import Workers
from core.indexing.encoding import EncodingHere
from scripts.benchmark.__main__ import PARTS, main
from scripts.benchmark.indexing import cluster, encoder
from scripts.benchmark.measuring import median_seconds
from tests.encoder.test_encoder import drawn
from tests.support import dashboard, search_page
from tests.support.processes import free_ports


def test_evaluation(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "evaluation",
        "--rows",
        "300",
        "--dimension",
        "8",
        "--searches",
        "2",
        "--rounds",
        "1",
    ]
    assert main([*arguments, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["rows"] == 300
    ratio = figures["all_seconds"] / figures["product_seconds"]
    assert figures["times_the_product"] == pytest.approx(ratio)
    assert figures["seconds_per_database_search"] > 0


@pytest.mark.slow
def test_service(
    indexed: dashboard.Indexed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dashboard.set_environment(monkeypatch, tmp_path / "data")
    indexed.copied_to(tmp_path / "data")
    search_page.clear_caches()
    (port,) = free_ports(1)
    few = ["--rounds", "2", "--seconds", "1", "--clients", "3", "--visitors", "0"]
    try:
        status = main(["service", *few, "--port", str(port), "--json"])
    finally:
        search_page.close_store()
    figures = json.loads(capsys.readouterr().out)
    assert figures["rows"] == 18 and figures["faults"] == 0 and figures["answers"] > 0
    assert figures["indexing_runs"] > 0 and figures["indexing_fault"] == ""
    steps = [figures[f"query_{step}_ms"] for step in ("decode", "resize", "network")]
    assert figures["query_ms"] == pytest.approx(sum(steps))
    allowed = 1.25 * figures["search_inside_ms"] + 5
    assert figures["search_allowed_ms"] == pytest.approx(allowed)
    assert figures["search_holds"] == (figures["search_http_ms"] <= allowed)
    assert status == (0 if figures["search_holds"] else 1)


@pytest.mark.slow
def test_pages(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # It changes the environment, since it usually runs in a process of its own.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    search_page.clear_caches()
    size = ["--rows", "200", "--dimension", "4", "--pages", "search_with_a_query", "browse"]
    try:
        assert main(["pages", *size, "--json"]) == 0
    finally:
        search_page.clear_caches()
    figures = json.loads(capsys.readouterr().out)
    assert (figures["rows"], figures["browse_faults"]) == (200, 0)
    assert figures["search_with_a_query_faults"] == 0
    assert figures["browse_first_seconds"] > 0


@pytest.mark.slow
def test_index(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", "--rows", "160", "--dimension", "16", "--no-memory", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    # 160 // 39 = 4 lists, searched 1 and 4 at a time; 16, 32, 64, 128 and 256 candidates.
    assert figures["settings"] == 1 + 2 * 2 + 2 * 5
    ratio = figures["tuner_seconds"] / figures["bare_seconds"]
    assert figures["times_the_bare"] == pytest.approx(ratio)
    # The same lists from the same rows and seeds.
    by_hand = figures["ivf_sq8_recall_by_hand"]
    assert figures["ivf_sq8_recall_tuner"] == pytest.approx(by_hand, abs=0.02)


@pytest.mark.slow
def test_encoder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "_PRODUCTS", 1)
    photos = draw_photos(tmp_path)
    shipped = ["--architecture", "resnet14", "--weights", str(offline_weights())]
    arguments = ["encoder", str(photos), *shipped, "--rows", "14", "--rounds", "1", "--no-memory"]
    status = main([*arguments, "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["rows"] == 14
    assert figures["least_cosine"] >= 0.999
    assert figures["overlap_of_10_neighbours"] >= 0.98
    ratio = figures["pictures_per_second"] / figures["plain_pictures_per_second"]
    assert figures["times_the_plain_loop"] == pytest.approx(ratio)
    missed = figures["missed"]
    assert ("times_the_plain_loop" in missed) == (ratio < 3.3)
    assert ("share_of_the_limit" in missed) == (figures["share_of_the_limit"] < 0.75)
    assert "memory" not in missed
    assert status == (0 if missed == "nothing" else 1)


def test_cluster(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True)
    class OnNoCluster(EncodingHere):
        workers: ClassVar = Workers(2, 3, has_gpu=False, machines=1)

    # Ray itself has tests of its own, and takes long to start.
    monkeypatch.setattr(cluster, "connected", contextlib.nullcontext)
    monkeypatch.setattr(cluster, "EncodingOnCluster", lambda _, make, __: OnNoCluster(make()))
    few = ["--rows", "4", "14", "--rounds", "1", "--architecture", "resnet14", "--json"]
    assert main(["cluster", str(draw_photos(tmp_path)), *few]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["rows"], figures["architecture"]) == (14, "resnet14")
    assert (figures["encoders"], figures["processors_of_each"]) == (2, 3)
    ratio = figures["pictures_per_second"] / figures["plain_pictures_per_second"]
    assert figures["times_the_plain_run"] == pytest.approx(ratio)
    # What 4 pictures took, less 4 at that rate; 14 took ten at that rate longer.
    few_took = figures["load_seconds"] + 4 / figures["pictures_per_second"]
    longer = figures["whole_run_seconds"] - few_took
    assert longer == pytest.approx(10 / figures["pictures_per_second"])


@pytest.mark.parametrize("part", ["encoder", "indexing", "cluster"])
def test_too_few_photos_are_refused_and_the_drawn_sample_is_enough(
    part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([part, str(draw_photos(tmp_path))]) == 2
    said = re.search(r"holds 14 pictures, ([\d,]+) are wanted", capsys.readouterr().err)
    # Ten classes of 60 unless somebody says otherwise.
    assert said and int(said[1].replace(",", "")) <= 600


def test_the_peak_of_encoding_is_told_in_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["encoder", str(draw_photos(tmp_path)), "--rows", "14", "--peak-of", "20"]) == 0
    assert int(capsys.readouterr().out) > 10_000_000


def draw_photos(folder: Path) -> Path:
    for number in range(14):
        file = folder / "photos" / f"class {number % 2}" / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        drawn((200 + number, 180), number).save(file)
    return folder / "photos"


@pytest.mark.parametrize("part", PARTS)
def test_every_part_explains_itself(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([part, "--help"])
    assert stopped.value.code == 0
    assert f"python -m scripts.benchmark {part}" in capsys.readouterr().out


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["evalation"])
    assert stopped.value.code == 2
    assert "evalation" in capsys.readouterr().err


def test_pieces_of_work_take_turns_and_the_warm_up_is_not_timed() -> None:
    calls: list[str] = []
    works = {name: lambda name=name: calls.append(name) for name in ("a", "b")}
    assert set(median_seconds(works, rounds=2)) == {"a", "b"}
    assert calls == ["a", "b", "a", "b", "a", "b"]
    calls.clear()
    median_seconds(works, rounds=1, warm_up=False)
    assert calls == ["a", "b"]
