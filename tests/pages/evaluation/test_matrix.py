"""The figure of the confusion matrix."""

import numpy as np

from pages.evaluation.mistakes.matrix import confusion_figure

SHARES = np.array([[0.9, 0.1, 0.0], [0.04, 0.7, 0.26], [np.nan, np.nan, np.nan]])
CLASSES = ["<b>lime", "pear", "plum"]


def test_errors_have_a_scale_of_their_own_and_right_hits_none() -> None:
    figure = confusion_figure(SHARES, CLASSES, chosen=("", ""), dark=False)
    errors, right, *_ = figure.data
    # Up to the largest error, else it would drown beside the right hits.
    assert errors.zmax == 0.26
    assert np.isnan(np.diag(np.array(errors.z, dtype=float))).all()
    # One colour, whatever the share.
    assert right.colorscale[0][1] == right.colorscale[1][1]
    # Numbers from 5 % on; those of right hits always.
    assert [list(row) for row in errors.text] == [["", "10", ""], ["", "", "26"], ["", "", ""]]
    assert [row[place] for place, row in enumerate(right.text)] == ["90", "70", ""]
    assert figure.layout.xaxis.title.text == "Came back"
    assert figure.layout.yaxis.title.text == "Picture shown"


def test_every_cell_with_a_share_can_be_clicked_and_says_its_classes() -> None:
    figure = confusion_figure(SHARES, CLASSES, chosen=("pear", "plum"), dark=True)
    points, frame = figure.data[2:]
    assert [list(pair) for pair in points.customdata] == [
        ["<b>lime", "<b>lime"],
        ["<b>lime", "pear"],
        ["pear", "<b>lime"],
        ["pear", "pear"],
        ["pear", "plum"],
    ]
    # Names of folders are never markup.
    assert set(points.y) == {"&lt;b&gt;lime", "pear"}
    assert (frame.x, frame.y) == (("plum",), ("pear",))


def test_a_matrix_without_an_error_or_without_a_class_is_drawn_too() -> None:
    assert confusion_figure(np.eye(2), ["a", "b"], chosen=("a", "a"), dark=False).data[0].zmax == 1
    assert confusion_figure(np.zeros((0, 0)), [], chosen=("", ""), dark=False).data
