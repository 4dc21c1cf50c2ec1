"""The command line. Whoever imports any of it before gRPC gets gRPC as the command wants it."""

import os

# gRPC reads this once, when it is first imported. Its newer listener hands every message from a thread of
# its own to the one that Python waits on: at 200 live streams two context switches a message more and a fifth
# of the processor's time (docs/reliability.md). Whoever sets the variable decides for himself.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")
