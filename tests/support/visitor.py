"""A visitor without a browser: Streamlit sessions over the websocket, for loads of many.

It speaks the protocol of Streamlit's own client: it asks for a run of the script with a link's
parameters and collects what the run draws until the run has finished.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect


@dataclass
class Page:
    """What a run drew.

    Attributes:
        alts: What pictures were described as, in the order they were drawn.
        texts: Paragraphs and captions.
        errors: Texts of error boxes and exceptions.
    """

    alts: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def visit(address: str, query: str, *, timeout: float = 180.0) -> Page:
    """Open a link such as `k=5&metric=L2` in a session of its own, as a new tab does.

    Raises:
        TimeoutError: The run has not finished in time.
    """
    stream = address.replace("http://", "ws://") + "/_stcore/stream"
    with connect(stream, subprotocols=["streamlit"], origin=address, max_size=None) as socket:
        message = BackMsg()
        message.rerun_script.query_string = query
        socket.send(message.SerializeToString())
        page = Page()
        for answer in _answers(socket, timeout):
            if answer.WhichOneof("type") == "delta":
                _look_at(answer.delta.new_element, page)
            elif answer.WhichOneof("type") == "script_finished":
                return page
    raise ConnectionError("the session ended before the page was drawn")


def _answers(socket: ClientConnection, timeout: float) -> Iterator[ForwardMsg]:
    while True:
        yield ForwardMsg.FromString(socket.recv(timeout=timeout))


def _look_at(element: Any, page: Page) -> None:
    kind = element.WhichOneof("type")
    if kind == "imgs":
        page.alts += [image.alt for image in element.imgs.imgs]
    elif kind == "markdown":
        page.texts.append(element.markdown.body)
    elif kind == "exception" or (kind == "alert" and element.alert.format == element.alert.ERROR):
        page.errors.append(str(getattr(element, kind)))
