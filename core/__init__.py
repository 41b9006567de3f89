"""The work behind the pages and the scripts.

A package a subject, named by the product's nouns; `tests/whole/test_architecture.py` has the table
of what each may import, `docs/architecture.md` how a picture travels through them. The modules that
lie in no package are the ground that all stand on.
"""

import os

# gRPC's C library writes harmless notices on standard error, in the middle of a progress bar
# ("GOAWAY ... too_many_pings" whenever Milvus Lite was idle for a while). It reads this once, when
# it is first imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
