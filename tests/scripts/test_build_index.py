"""`python -m scripts.build_index`: exit status, messages, JSON; with a real, random ResNet-18."""

import contextlib
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
import torch

from core.encoder.encoder import Encoder
from core.encoder.network import build_model
from core.indexing.report import load_index_report
from core.metric import Metric
from core.store.vector_store import VectorStore
from scripts import build_index, search
from tests.conftest import draw_dataset

PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("no_settings")

HOLD = """
import sys
from core.store.vector_store import VectorStore
store = VectorStore(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(build_model("resnet18").state_dict(), path)
    return path


@pytest.fixture
def command(weights: Path, dataset: Path) -> list[str]:
    return [str(dataset), "--architecture", "resnet18", "--weights", str(weights)]


def rows(tmp_path: Path) -> dict[Metric, int]:
    store = VectorStore(str(tmp_path / "data" / "orchard.db"), database="image_vector_db")
    try:
        return {m: store.info("fruit_vector", m).rows for m in store.metrics("fruit_vector")}
    finally:
        store.close()


def labels(tmp_path: Path) -> set[str]:
    with contextlib.closing(
        VectorStore(str(tmp_path / "data" / "orchard.db"), database="image_vector_db")
    ) as store:
        return {record.label for record in store.records("fruit_vector", Metric.L2)}


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail and return what it says on standard error."""
    try:
        status = build_index.main(arguments)
    except SystemExit as stopped:  # argparse
        status = stopped.code
    out, said = capsys.readouterr()
    assert (status, out) == (2, "")
    assert "Traceback" not in said
    return said


def test_folder_becomes_searchable_and_the_report_says_so(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build_index.main(command) == 0
    said = capsys.readouterr().out
    assert "12 added, 0 updated, 0 unchanged, 0 skipped, 0 left out" in said
    assert "fruit_vector_cosine: 12 rows, IVF_FLAT with nlist 1" in said
    assert rows(tmp_path) == dict.fromkeys(Metric, 12)


def test_a_split_dataset_has_the_classes_below_the_split_and_it_is_said_before_encoding(
    command: list[str], dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("train", "test"):
        (dataset / part).mkdir()
    for folder in [one for one in dataset.iterdir() if one.name not in ("train", "test")]:
        (dataset / "test" / folder.name).mkdir()
        (folder / "0.png").rename(dataset / "test" / folder.name / "0.png")
        folder.rename(dataset / "train" / folder.name)
    assert build_index.main([*command, "--metrics", "l2"]) == 0
    said = capsys.readouterr().err
    assert "by the folders below train and test" in said
    assert said.index("by the folders below") < said.index("pictures: ")
    assert "apple" in labels(tmp_path) and not {"train", "test"} & labels(tmp_path)


def test_a_labels_file_decides_and_a_change_of_it_is_taken_up(
    command: list[str],
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # What the option sets is for this process alone.
    monkeypatch.setenv("ORCHARD_LABELS", "")
    table = tmp_path / "own.csv"
    table.write_text("path,class\napple/0.png,pome\n", encoding="utf-8")
    # What is asked for goes before what lies in the folder.
    (dataset / "labels.csv").write_text("path,class\napple/0.png,kiwi\n", encoding="utf-8")
    again = [*command, "--metrics", "l2", "--labels", str(table)]
    assert build_index.main(again) == 0
    assert labels(tmp_path) == {"pome", ""}
    assert "1 class: pome 1; 11 pictures without a class; by own.csv" in capsys.readouterr().err
    table.write_text("path,class\napple/0.png,quince\n", encoding="utf-8")
    assert build_index.main(again) == 0
    assert "0 added, 0 updated, 1 relabelled, 11 unchanged" in capsys.readouterr().out
    assert labels(tmp_path) == {"quince", ""}


def test_json_report_has_every_count(
    command: list[str], dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (dataset / "apple" / "bad.jpg").write_text("no picture")
    assert build_index.main([*command, "--metrics", "l2", "ip", "--nlist", "3", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report.keys() == {
        "dataset", "classes", "classes_by", "doubts", "encoder", "added", "updated", "unchanged",
        "skipped", "ignored", "removed", "without_file", "copied", "collections", "seconds",
        "images_per_second", "cluster", "reduced_from",
        "load_seconds", "left_out", "relabelled", "removed_unreadable", "kept_unreadable", "unkept",
    }  # fmt: skip
    assert report["load_seconds"] > 0
    assert (report["added"], [s["path"] for s in report["skipped"]]) == (12, ["apple/bad.jpg"])
    found = [(c["metric"], c["nlist"], c["rows"]) for c in report["collections"]]
    assert found == [("L2", 3, 12), ("IP", 3, 12)]


def test_report_is_kept_and_a_metric_added_without_encoding(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build_index.main([*command, "--metrics", "l2", "--json"]) == 0
    printed = capsys.readouterr()
    path = Path(printed.err.rsplit("report: ", 1)[1].strip())
    assert path.parent == tmp_path / "data" / "index_reports"
    assert json.loads(path.read_text()) == json.loads(printed.out)
    assert build_index.main(["--add-metric", "ip"]) == 0
    assert "12 rows copied from one metric to another" in capsys.readouterr().out
    assert rows(tmp_path) == {Metric.L2: 12, Metric.IP: 12}


def test_rows_without_files_go_with_the_flag_alone(
    command: list[str], dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_index.main([*command, "--metrics", "l2"])
    (dataset / "apple" / "0.png").unlink()
    build_index.main([*command, "--metrics", "l2"])
    assert "1 row of files that are gone (kept; --prune removes)" in capsys.readouterr().out
    assert rows(tmp_path) == {Metric.L2: 12}
    build_index.main([*command, "--metrics", "l2", "--prune"])
    assert "1 removed, since their files are gone" in capsys.readouterr().out
    assert rows(tmp_path) == {Metric.L2: 11}


def test_pruning_by_an_empty_folder_is_refused(
    command: list[str], dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_index.main([*command, "--metrics", "l2"])
    capsys.readouterr()
    dataset.rename(dataset.with_name("away"))
    dataset.mkdir()
    assert "holds no pictures" in refused([*command, "--metrics", "l2", "--prune"], capsys)
    # Nothing but a picture that cannot be read: no file of a row is left.
    (dataset / "other.png").write_bytes(b"damaged")
    said = refused([*command, "--metrics", "l2", "--prune"], capsys)
    assert "not one of the 12 pictures" in said
    assert rows(tmp_path) == {Metric.L2: 12}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give either the dataset folder or --add-metric"),
        (["photos", "--add-metric", "ip"], "give either the dataset folder or --add-metric"),
        (["--add-metric", "ip", "--prune"], "leave out --recreate, --prune and --remove"),
        (["--add-metric", "ip", "--remove-unreadable"], "leave out --recreate, --prune and"),
        (["--add-metric", "ip", "--m", "1"], "M 1 is not allowed: give 2 to 2,048"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(arguments, capsys)


def test_missing_folder_is_named_before_anything_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused([str(tmp_path / "none")], capsys)
    assert f"error: the dataset folder {str(tmp_path / 'none')!r} does not exist" in said
    assert "scripts.make_sample" in said
    assert not (tmp_path / "data" / "orchard.db").exists()


def test_empty_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    said = refused([str(tmp_path / "empty")], capsys)
    assert "holds no pictures (it is empty). Put one folder per class" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metrics", "EUCLID"], "'EUCLID' is no metric; allowed are COSINE, L2, IP"),
        (["--nlist", "0"], "--nlist '0' is not allowed; write auto or 1 to 65536"),
        (["--nlist", "65537"], "--nlist '65537' is not allowed"),
        (["--nlist", "many"], "--nlist 'many' is not allowed"),
        (["--nlist", "-3"], "-3"),
        (["--index-type", "ANNOY"], "'ANNOY'"),
        (["--architecture", "vgg16"], "'vgg16'"),
        (["--weights", "none.pth"], "'none.pth' is not allowed: no such file"),
        (["--collection", "my fruit"], "'my fruit' is not allowed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_value_that_is_not_allowed_is_named(
    dataset: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert said in refused([str(dataset), *arguments], capsys)


def test_locked_database_names_its_holder_and_stays_whole(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data" / "orchard.db"
    assert build_index.main([*command, "--metrics", "L2"]) == 0
    capsys.readouterr()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "open\n"
        said = refused([*command, "--recreate"], capsys)
        holder.kill()
    assert f"error: the database {str(path)!r} is open in another process" in said
    if Path("/proc/locks").exists():
        assert f"(process {holder.pid})" in said
    assert "Stop it (Ctrl-C in its terminal), then try again" in said
    assert rows(tmp_path) == {Metric.L2: 12}


def test_server_down_is_a_message_without_the_token(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORCHARD_MILVUS_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("ORCHARD_MILVUS_TOKEN", "root:sesame")
    monkeypatch.setenv("ORCHARD_MILVUS_TIMEOUT", "3")
    said = refused(command, capsys)
    assert "error: the database at http://127.0.0.1:1 does not answer" in said
    assert "sesame" not in said


def test_checkpoint_of_another_architecture_is_refused(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command[2] = "resnet34"
    assert "does not fit resnet34" in refused(command, capsys)


@pytest.mark.slow
def test_interrupt_is_answered_and_the_same_command_goes_on(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    draw_dataset(tmp_path / "photos", [f"fig/{n}.png" for n in range(20)], first_seed=40)
    real, calls = Encoder.encode, []

    def once(encoder: Encoder, images: list[torch.Tensor]) -> object:
        calls.append(len(images))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(encoder, images)

    monkeypatch.setattr(Encoder, "encode", once)
    assert build_index.main(command) == 130
    assert "what was encoded is kept, the same command continues" in capsys.readouterr().err
    assert rows(tmp_path) == dict.fromkeys(Metric, 16)
    assert build_index.main(command) == 0
    assert "16 added, 0 updated, 16 unchanged" in capsys.readouterr().out
    assert rows(tmp_path) == dict.fromkeys(Metric, 32)


@pytest.mark.parametrize("recreate", [False, True])
def test_stopped_replacement_is_told_apart(
    recreate: bool,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Encoder, "encode", stop)
    build_index.main([*command, "--metrics", "l2", *(["--recreate"] if recreate else [])])
    assert ("without --recreate continues" in capsys.readouterr().err) is recreate


@pytest.mark.slow
def test_process_leaves_nothing_but_its_bar_on_standard_error(
    command: list[str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.build_index", *command],
        cwd=PROJECT,
        env={**os.environ, "ORCHARD_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "12 added" in done.stdout
    assert "pictures: " in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_left_out_is_named_with_its_reason(
    command: list[str], dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (dataset / "apple" / "clip.mov").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ")
    (dataset / "apple" / "@eaDir").mkdir()
    for number in range(30):
        (dataset / f"{number:02d}\x1b[2J.txt").write_text("words")
    assert build_index.main([*command, "--metrics", "l2"]) == 0
    said = capsys.readouterr().out
    assert "0 skipped, 32 left out" in said
    assert (
        "left out, not pictures: text 30, thumbnails of a Synology drive 1, "
        "video (MP4 or QuickTime) 1" in said
    )
    assert r"    00\x1b[2J.txt: text" in said
    assert "... and 12 more; the report lists all" in said
    assert "\x1b" not in said
    report = load_index_report(Path(said.rsplit("report: ", 1)[1].strip()))[0]
    assert report.left_out.count == len(report.left_out.named) == 32
    assert ("apple/clip.mov", "video (MP4 or QuickTime)") in [
        (one.path, one.reason) for one in report.left_out.named
    ]


def test_a_class_is_found_in_whichever_form_it_is_typed(
    command: list[str],
    weights: Path,
    dataset: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORCHARD_WEIGHTS", str(weights))
    monkeypatch.setenv("ORCHARD_ARCHITECTURE", "resnet18")
    typed, stored = (unicodedata.normalize(form, "Kíwi") for form in ("NFC", "NFD"))
    (dataset / "pear").rename(dataset / stored)
    assert build_index.main([*command, "--metrics", "cosine"]) == 0
    query = next((dataset / "apple").glob("*.png"))
    capsys.readouterr()
    assert search.main([str(query), "-k", "4", "--label", typed, "--json"]) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert hits
    assert {(hit["label"], hit["path"].split("/")[0]) for hit in hits} == {(typed, stored)}
