"""The client for programs without an event loop. It uses threads of gRPC, not a loop of its own."""
