"""Numbers agree with their nouns, and messages begin with a capital where no name stands first."""

import pytest

from core.wording import counted, duration, sentence, some, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the folder 'a' is gone.", "The folder 'a' is gone."),
        ("another run is going on: Build", "Another run is going on: Build"),
        ("fruit_vector_l2 is incomplete", "fruit_vector_l2 is incomplete"),
        ("'a.png' in the archive is encrypted", "'a.png' in the archive is encrypted"),
        ("nlist 0 is not allowed", "nlist 0 is not allowed"),
        ("", ""),
    ],
)
def test_messages_begin_with_a_capital_and_names_stay_as_they_are(text: str, shown: str) -> None:
    assert sentence(text) == shown


def test_one_is_singular_and_everything_else_plural() -> None:
    assert counted(1, "picture") == "1 picture"
    assert counted(0, "picture") == "0 pictures"
    assert counted(1253, "query", "queries") == "1,253 queries"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0.4 s"), (12.4, "12 s"), (89, "89 s"), (130, "2 min"), (5400, "1 h 30 min")],
)
def test_durations_as_a_person_says_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_control_characters_are_written_out_and_everything_else_stays() -> None:
    # ECMA-48: 0x1b and, in one byte, 0x9b begin a command to a terminal. U+202E turns the
    # direction of writing (Unicode, UAX #9).
    assert visible("a\x1b[31mb") == r"a\x1b[31mb"
    assert visible("a\x9b2Jb\x7f\u202egpj") == r"a\u009b2Jb\u007f\u202egpj"
    assert visible("a\tb\nc", keep="\n") == "a\\tb\nc"
    assert visible("苹果 Äpfel \U0001f34e '\"") == "苹果 Äpfel \U0001f34e '\""


def test_a_list_that_is_cut_says_how_many_more_there_are() -> None:
    assert some(["a", "b"], total=2) == "a, b"
    assert some(["a", "b"], total=3) == "a, b, and 1 more"
    assert some(["a"], total=1_235) == "a, and 1,234 more"
    assert some([], total=0) == ""
