"""What a page offers as files, of a page that AppTest has drawn."""

from streamlit.testing.v1 import AppTest


def exports(at: AppTest) -> list[list[str]]:
    """The names of the files behind each button Export, in the order of the page.

    A file to download outside of one is an error: nothing that is taken away stands in the way.
    """
    folded = [one for one in at.get("popover") if one.proto.popover.label == "Export"]
    names = [[button.proto.label for button in one.get("download_button")] for one in folded]
    assert len(at.get("download_button")) == sum(map(len, names))
    return names
