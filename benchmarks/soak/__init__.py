"""Many streams for a long time: what a server costs, what load it handles, and what it gives back.

Everything is real except the model: gRPC over loopback, sessions, detector loop, admission. The engine
follows a script (``tests.fakes``), so that the serving alone is measured. Server and client are separate
processes.
"""
