"""The document of the benchmark says what was measured, and whether each aim was reached."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.benchmark import __main__
from scripts.benchmark.document import LINES, machine, write_document


def found(**parts: Any) -> dict[str, Any]:
    where = {"machine": machine(), "date": "2026-01-31"}
    return {"parts": {name: {**where, **part} for name, part in parts.items()}}


def storage(**changed: float) -> dict[str, Any]:
    figures = {
        "written_rows_per_second": 900.0,
        "bare_client_rows_per_second": 1000.0,
        "written_times_the_bare_client": 0.9,
        "search_p50_ms": 6.0,
        "bare_client_search_p50_ms": 5.0,
        "search_times_the_bare_client": 1.2,
    }
    return {"figures": figures | changed}


def growth(*sizes: int, **more: float) -> dict[str, Any]:
    return {
        "figures": [
            {"rows": rows, "dimension": 8, "search_p50_ms": 1.5, "index_seconds": 0.2, **more}
            for rows in sizes
        ]
    }


def test_every_line_tells_whether_its_aim_is_reached(tmp_path: Path) -> None:
    write_document(found(storage=storage()), tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    writing, search = [line for line in text.splitlines() if line.startswith("| storage")]
    # 900 / 1000 = 0.9, at least 0.9; 6 / 5 = 1.2, at most 1.15.
    assert "**0.9** | at least 0.9 | yes |" in writing
    assert "**1.2** | at most 1.15 | **no** |" in search
    assert "Storage, measured on 2026-01-31: processor " in text
    # What was not measured has no line.
    assert "| map |" not in text


def test_the_map_in_a_browser_has_lines_only_where_it_was_measured(tmp_path: Path) -> None:
    figures = {
        "ours_first_seconds": 2.0, "raw_first_seconds": 10.0, "share_of_first_seconds": 0.2,
        "ours_trust": 0.97, "raw_trust": 0.96, "cached_view_seconds": 0.5,
    }  # fmt: skip
    browser = {
        "first_drawing_seconds": 1.5, "pan_frame_ms": 66.0, "recolour_seconds": 0.5,
        "visitor_memory_mb": 3.2, "coordinates_mb": 1.6, "visitor_memory_share": 2.0,
    }  # fmt: skip
    write_document(found(map={"figures": figures}), tmp_path)
    assert "browser" not in (tmp_path / "benchmarks.md").read_text().split("## ")[0]
    write_document(found(map={"figures": figures | browser}), tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("| map")]
    # 1.5 of 3 s, 66 of 33 ms, 0.5 of 1 s, 3.2 of 1.6 MB.
    assert [line.split("**")[1] for line in lines[3:]] == ["0.5", "2", "0.5", "2"]
    assert "| 3 s, what is wanted |" in lines[3] and lines[4].endswith("**no** |")


def test_parts_of_different_machines_are_told_apart(tmp_path: Path) -> None:
    there = {**storage(), "machine": {"processor": "one of 1971"}, "date": "2025-12-24"}
    write_document(found(storage=storage(), map=there, search=there), tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    assert "Map, search, measured on 2025-12-24: processor one of 1971." in text
    assert "Storage, measured on 2026-01-31: processor " in text


def test_what_could_not_be_measured_is_told(tmp_path: Path) -> None:
    write_document(found(storage=storage(), map={"error": "error: no room"}), tmp_path)
    assert "Not measured: map: error: no room" in (tmp_path / "benchmarks.md").read_text()


def test_every_page_on_many_rows_is_a_table(tmp_path: Path) -> None:
    figures = {
        "rows": 1_000_000, "dimension": 128, "browse_first_seconds": 9.25,
        "browse_second_seconds": 0.5, "browse_third_seconds": 0.25, "browse_faults": 0,
        "browse_peak_memory_mb": 1025.4,
    }  # fmt: skip
    write_document(found(pages={"figures": figures}), tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    assert "| browse | 9.25 | 0.5 | 0.25 | 1,025 |" in text
    assert "1,000,000 made-up rows of 128 numbers" in text


def test_many_at_once_are_told_where_people_at_browsers_were_among_them(tmp_path: Path) -> None:
    figures = {
        "search_http_ms": 12.0, "search_allowed_ms": 16.0, "clients": 20, "visitors": 0,
        "seconds": 120, "answers": 3271, "p50_ms": 695.2, "p95_ms": 1280.6, "faults": 0,
        "indexing_runs": 2, "memory_mb": 841.6, "memory_grew_mb": -77.8, "query_ms": 8.71,
        "query_decode_ms": 0.888, "query_resize_ms": 0.931, "query_network_ms": 6.89,
        "encoder": "resnet14/1/2/3",
    }  # fmt: skip
    write_document(found(service={"figures": figures}), tmp_path)
    assert "Many at once" not in (tmp_path / "benchmarks.md").read_text()
    people = {"visitors": 10, "pages": 61, "page_p50_ms": 1857.1, "page_p95_ms": 3102.3}
    write_document(found(service={"figures": figures | people | {"page_faults": 1}}), tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    # 12 / 16 = 0.75.
    assert "| **0.75** | at most 1 | yes |" in text
    assert "3,271 answers, half within 695 ms, 95 % within 1,281 ms, 0 faults" in text
    assert "61 pages, half within 1,857 ms, 95 % within 3,102 ms, 1 faults" in text
    assert "was 842 MB and grew by -77.8 MB" in text
    assert "8.71 ms, of these decoding 0.888, resizing 0.931, the network 6.89 (resnet14" in text


def test_growth_is_a_table_and_a_plot_of_lite_and_server(tmp_path: Path) -> None:
    parts = {"growth": growth(100, 2_000), "growth server": growth(100, peak_memory_mb=2.0)}
    write_document(found(**parts), tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    assert "| Milvus Lite | 100 rows | 2,000 rows |" in text
    assert "| Milvus server | 100 rows |" in text
    plot = (tmp_path / "images" / "growth.svg").read_text()
    assert "<svg" in plot


@pytest.mark.slow
def test_all_runs_the_parts_asked_for_and_keeps_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    file = tmp_path / "benchmarks.json"
    file.write_text(json.dumps(found(storage=storage())))
    words = ["all", "--photos", str(tmp_path / "photos"), "--into", str(tmp_path), "--quick"]
    # There are no photos, so the encoder cannot be measured; the evaluation needs none.
    assert __main__.main([*words, "--parts", "encoder", "evaluation"]) == 1
    parts = json.loads(file.read_text())["parts"]
    assert (
        "holds no pictures" in parts["encoder"]["error"] or "pictures" in parts["encoder"]["error"]
    )
    assert parts["evaluation"]["figures"]["rows"] == 500
    assert parts["storage"]["figures"] == storage()["figures"]
    assert parts["storage"]["date"] == "2026-01-31" != parts["evaluation"]["date"]
    assert "not measured: encoder" in capsys.readouterr().err
    text = (tmp_path / "benchmarks.md").read_text()
    assert "| evaluation |" in text and "| storage |" in text


def test_a_folder_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["all", "--photos", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_lines_name_parts_that_exist() -> None:
    assert {line.part.partition(" ")[0] for line in LINES} <= set(__main__.PARTS)
