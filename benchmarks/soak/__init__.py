"""Many streams for long: what a server costs, keeps up with, and gives back.

Everything is real but the model: gRPC over loopback, sessions, detector loop, admission; the engine follows
a script (``tests.fakes``), so that what is measured is the serving. Server and client are processes of their
own.
"""
