"""One engine for several front processes: what they send each other, and both ends of it.

A front process owns transports and sessions. Its sessions use a ``RemoteEngine`` as their ``EngineHandle``.
The process that owns the engine has a ``FrontConnection`` for each front process.
"""
