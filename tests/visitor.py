"""A visitor without a browser: one Streamlit session over its websocket, for loads of many.

It speaks the protocol of Streamlit's own client: it asks for a run of the script with a link's
parameters and collects what the run draws until the run has finished.
"""

import itertools
from collections.abc import Iterator
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect


class Visitor:
    """One session, open until `close`.

    Attributes:
        alts: What pictures of the last run were described as, in the order they were drawn.
        errors: Texts of error boxes and exceptions of the last run.
    """

    def __init__(self, address: str, *, timeout: float = 60.0) -> None:
        stream = address.replace("http://", "ws://") + "/_stcore/stream"
        self._socket = connect(stream, subprotocols=["streamlit"], origin=address, max_size=None)
        self._timeout = timeout
        self.alts: list[str] = []
        self.errors: list[str] = []

    def close(self) -> None:
        self._socket.close()

    def open(self, query: str) -> None:
        """Run the script with the parameters of a link, such as `k=5&metric=L2`.

        Raises:
            TimeoutError: The run has not finished in time.
        """
        message = BackMsg()
        message.rerun_script.query_string = query
        self._socket.send(message.SerializeToString())
        self.alts, self.errors = [], []
        for answer in self._answers():
            if answer.WhichOneof("type") == "delta":
                self._look_at(answer.delta)
            elif answer.WhichOneof("type") == "script_finished":
                return

    def _answers(self) -> Iterator[ForwardMsg]:
        while True:
            content = self._socket.recv(timeout=self._timeout)
            yield ForwardMsg.FromString(content)

    def _look_at(self, delta: Any) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "imgs":
            self.alts += [image.alt for image in element.imgs.imgs]
        elif kind == "exception" or (kind == "alert" and element.alert.format == 1):
            self.errors.append(str(getattr(element, kind)))


visits = itertools.count()
