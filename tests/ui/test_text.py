"""Text of data on pages and in charts: shown letter by letter, whatever it holds."""

from core.ui.charts import chart_text, class_ticks, short_text
from core.ui.text import plain


def test_quotes_stand_in_a_chart_as_they_are() -> None:
    # Plotly turns back these three entities and no others.
    assert chart_text("Pipe 3/4\" O'Brien") == "Pipe 3/4\" O'Brien"
    assert chart_text("<b>a & b</b>") == "&lt;b&gt;a &amp; b&lt;/b&gt;"


def test_control_characters_are_written_out_on_pages_and_in_charts() -> None:
    # Markdown shows a backslash that has one before it.
    assert plain("a\x1b[0m\u202eb") == r"a\\x1b\[0m\\u202eb"
    assert plain("a\x0bb\nc") == "a b c"
    assert chart_text("a\x07b") == r"a\x07b"


def test_a_very_long_name_leaves_room_in_a_chart_and_stays_its_own_class() -> None:
    one, two = "a" * 100 + "1" + "b" * 100, "a" * 100 + "2" + "b" * 100
    # 15 letters, three dots as one sign, 8 letters: 24.
    assert short_text(one) == short_text(two) == "a" * 15 + "…" + "b" * 8
    ticks = class_ticks(["<kiwi>", one, two])
    assert ticks["tickvals"] == ["&lt;kiwi&gt;", one, two]
    assert ticks["ticktext"] == ["&lt;kiwi&gt;", short_text(one), short_text(two)]
    assert class_ticks(["kiwi"]) == {"dtick": 1}
