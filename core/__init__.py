"""The work behind the pages and the scripts; see each module's first line."""

import os

# gRPC's C library writes harmless notices on standard error, in the middle of a progress bar
# ("GOAWAY ... too_many_pings" whenever Milvus Lite was idle for a while). It reads this once, when
# it is first imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
