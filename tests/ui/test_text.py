"""Text of data on pages and in charts: shown letter by letter, whatever it holds."""

from core.ui.charts import chart_text
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
