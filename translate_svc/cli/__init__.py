"""The command line. Import it before gRPC: it sets an option of gRPC.

The folder is long because every command has one file, named as the command. The other files are what several
commands share: options, connections, backends, devices, views and sinks.
"""

import os

# gRPC reads this once, at its first import. Its newer listener passes every message from a thread of its own
# to the one that Python waits on. At 200 live streams this costs two more context switches per message and a
# fifth of the CPU time (docs/reliability/long-runs.md). A value that the operator has set stays.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")

# For each TLS handshake that fails gRPC writes a line of its own to standard error, between the lines of a
# server's log, which may be JSON, and before the message of a command.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
