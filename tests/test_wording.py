"""Numbers agree with their nouns."""

from core.wording import counted


def test_one_is_singular_and_everything_else_plural() -> None:
    assert counted(1, "picture") == "1 picture"
    assert counted(0, "picture") == "0 pictures"
    assert counted(1253, "query", "queries") == "1,253 queries"
