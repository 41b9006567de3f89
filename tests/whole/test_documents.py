"""What the documents claim about the code is true of the code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SOURCES = "\n".join(
    file.read_text(encoding="utf-8")
    for folder in ("core", "pages", "scripts")
    for file in sorted((ROOT / folder).rglob("*.py"))
)
# Messages are wrapped in the sources: "...is " "damaged".
JOINED = re.sub(r'"\s+f?"', "", SOURCES)


def of_troubleshooting() -> list[str]:
    return re.findall(r"^### (.+)$", (ROOT / "docs/troubleshooting.md").read_text(), re.M)


@pytest.mark.parametrize("message", of_troubleshooting())
def test_a_message_to_look_up_is_one_that_is_said(message: str) -> None:
    assert message in JOINED


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_scripts_that_documents_name_exist(document: Path) -> None:
    names = set(
        re.findall(
            r"python -m scripts\.([a-z_]+(?:\.[a-z_]+)*)", document.read_text(encoding="utf-8")
        )
    )
    places = {name: ROOT / "scripts" / name.replace(".", "/") for name in names}
    commands = [
        name
        for name, place in places.items()
        if place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()
    ]
    assert names == set(commands)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_tests_that_documents_name_exist(document: Path) -> None:
    names = set(
        re.findall(
            r"`(?:tests/)?((?:[a-z_]+/)*test_[a-z0-9_]+\.py)`", document.read_text(encoding="utf-8")
        )
    )
    assert [name for name in names if not (ROOT / "tests" / name).is_file()] == []


def test_every_setting_is_in_the_readme_and_no_other() -> None:
    from core.config import Settings

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `ORCHARD_(\w+)` \|", text, re.M))
    assert told == {name.upper() for name in Settings.model_fields}


def test_make_targets_that_documents_name_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {
        name
        for document in DOCUMENTS
        for name in re.findall(r"^make ([a-z]+)", document.read_text(encoding="utf-8"), re.M)
    }
    assert named <= targets
