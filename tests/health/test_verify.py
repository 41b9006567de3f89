"""What `core.health.verify` finds and mends, on a real Milvus Lite; one pass on a server."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.collection.index_choice import IndexChoice
from core.dataset.files import digest_of, image_id
from core.errors import CollectionNotFoundError, EncoderMismatchError
from core.health.verify import Problem, Verification, repair, verify
from core.indexing.build import build_index
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store.vector_store import VectorStore
from scripts import verify as script
from tests.conftest import ColourEncoder, picture_bytes
from tests.support.bare_client import bare_client
from tests.support.colour_encoder import DIMENSION

FAMILY = "fruit"


def build(store: VectorStore, dataset: Path) -> None:
    build_index(dataset, store=store, encoder=ColourEncoder(), family=FAMILY)


def found(outcome: Verification) -> dict[tuple[str, Problem], tuple[int, tuple[str, ...]]]:
    return {(f.where, f.problem): (f.count, f.examples) for f in outcome.findings}


def test_whole_family_has_no_findings(either_store: VectorStore, dataset: Path) -> None:
    build(either_store, dataset)
    outcome = verify(either_store, family=FAMILY)
    assert outcome.findings == ()
    assert outcome.rows == dict.fromkeys(["fruit_l2", "fruit_ip", "fruit_cosine"], 12)
    assert outcome.checked_files


def test_files_without_rows_rows_without_files_and_changed_files(
    store: VectorStore, dataset: Path
) -> None:
    build(store, dataset)
    (dataset / "apple" / "0.png").unlink()
    (dataset / "apple" / "1.png").write_bytes(picture_bytes(77))
    (dataset / "apple" / "new.png").write_bytes(picture_bytes(78))
    findings = found(verify(store, family=FAMILY))
    for name in ("fruit_l2", "fruit_ip", "fruit_cosine"):
        assert findings[name, Problem.NO_FILE] == (1, ("apple/0.png",))
        assert findings[name, Problem.CHANGED] == (1, ("apple/1.png",))
        assert findings[name, Problem.NO_ROW] == (1, ("apple/new.png",))
    assert len(findings) == 9


def test_difference_between_metrics_is_found_and_mended_by_the_row_of_the_file(
    store: VectorStore, dataset: Path
) -> None:
    build(store, dataset)
    store.delete(FAMILY, Metric.IP, [image_id("pear/1.png"), image_id("pear/2.png")])
    key = image_id("plum/0.png")
    right = store.embeddings(FAMILY, Metric.COSINE, [key])[key]
    stale = ImageRecord(key, "plum/0.png", "plum", "0" * 32)
    store.upsert(FAMILY, Metric.L2, [stale], np.zeros((1, DIMENSION), np.float32))
    findings = found(verify(store, family=FAMILY))
    assert findings["fruit_ip", Problem.DIFFERENT][0] >= 2
    assert findings["fruit_l2", Problem.CHANGED] == (1, ("plum/0.png",))
    assert repair(store, family=FAMILY) == 3
    assert verify(store, family=FAMILY).findings == ()
    for metric in Metric:
        assert store.embeddings(FAMILY, metric, [key])[key].tobytes() == right.tobytes()
    assert repair(store, family=FAMILY) == 0


def test_repair_of_a_collection_without_a_folder_reads_no_files(
    store: VectorStore, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The files of wherever the command is given are not its pictures.
    monkeypatch.chdir(dataset)
    key, digest = image_id("plum/0.png"), digest_of((dataset / "plum" / "0.png").read_bytes())
    for metric, known in ((Metric.L2, "0" * 32), (Metric.IP, digest)):
        store.create(
            FAMILY, metric, encoder=ColourEncoder().identity, dataset="", index=IndexChoice(),
            expected_rows=1,
        )  # fmt: skip
        row = ImageRecord(key, "plum/0.png", "plum", known)
        store.upsert(FAMILY, metric, [row], np.full((1, DIMENSION), 1 + len(metric), np.float32))
    assert repair(store, family=FAMILY) == 1
    first, second = ([*store.stored.records(FAMILY, metric)] for metric in store.metrics(FAMILY))
    assert first == second and first[0].digest == "0" * 32


def test_unfinished_run_wrong_id_and_missing_folder(store: VectorStore, dataset: Path) -> None:
    build(store, dataset)
    store.set_complete(FAMILY, Metric.IP, complete=False)
    odd = ImageRecord(5, "pear/0.png", "pear", "0" * 32)
    store.upsert(FAMILY, Metric.IP, [odd], np.zeros((1, DIMENSION), np.float32))
    outcome = verify(store, family=FAMILY, dataset=dataset / "none")
    findings = found(outcome)
    assert findings["fruit_ip", Problem.UNFINISHED] == (1, ())
    assert findings["fruit_ip", Problem.WRONG_ID] == (1, ("pear/0.png",))
    assert findings[FAMILY, Problem.FOLDER][0] == 1
    assert not outcome.checked_files
    said = [finding.said for finding in outcome.findings]
    assert "fruit_ip: rows whose id is not that of their path: 1 (pear/0.png)" in said
    assert "fruit_ip: the last indexing run did not finish" in said
    [folder] = [line for line in said if line.startswith(f"{FAMILY}: the dataset folder cannot")]
    assert folder.endswith("If it has moved, set ORCHARD_DATASET to where it lies.")


def test_embedding_that_is_not_finite_is_found(store: VectorStore, dataset: Path) -> None:
    """Our own store refuses it; somebody else's client does not."""
    build(store, dataset)
    row = {"m_id": 7, "embedding": [float("nan")] * DIMENSION}
    bare_client(store).upsert("fruit_l2", [{**row, "path": "a/b", "label": "a", "digest": "d"}])
    assert found(verify(store, family=FAMILY))["fruit_l2", Problem.VECTOR] == (1, ("a/b",))


def test_metrics_of_different_encoders_are_named_and_never_mixed(
    store: VectorStore, dataset: Path
) -> None:
    build_index(dataset, store=store, encoder=ColourEncoder(), family=FAMILY, metrics=[Metric.L2])
    other = EncoderIdentity("colour", "11111111", "none", DIMENSION)
    store.create(
        FAMILY, Metric.IP, encoder=other, dataset=str(dataset), index=IndexChoice(),
        expected_rows=1,
    )  # fmt: skip
    findings = found(verify(store, family=FAMILY))
    assert findings[FAMILY, Problem.ENCODER][0] == 2
    with pytest.raises(EncoderMismatchError, match="different encoders, nothing was copied"):
        repair(store, family=FAMILY)
    assert store.count(FAMILY, Metric.IP) == 0


def test_missing_family_says_what_to_build(store: VectorStore) -> None:
    with pytest.raises(CollectionNotFoundError, match=r"scripts\.build_index"):
        verify(store, family="nuts")


@pytest.mark.usefixtures("no_settings")
def test_script_tells_by_its_exit_status(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = tmp_path / "data" / "orchard.db"
    store = VectorStore(str(database), database="image_vector_db")
    build(store, dataset)
    assert script.main(["--collection", FAMILY]) == 0
    assert "complete and equal" in capsys.readouterr().out
    store.delete(FAMILY, Metric.IP, [image_id("pear/1.png")])
    assert script.main(["--collection", FAMILY, "--json"]) == script.WRONG == 3
    assert json.loads(capsys.readouterr().out)["rows"]["fruit_ip"] == 11
    assert script.main(["--collection", FAMILY, "--repair"]) == 0
    assert "repaired: 1 row copied" in capsys.readouterr().err
    assert script.main(["--collection", "nuts"]) == 2
    assert "scripts.build_index" in capsys.readouterr().err
    store.close()
