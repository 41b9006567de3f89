"""Search: a picture in, the pictures most like it out, and what the answer is worth.

`page` draws, `question` holds its controls, `answer` the hits. What a session searches with
is `state.Session`; `query` makes an embedding of it, `view` asks, `cache` keeps.
"""
