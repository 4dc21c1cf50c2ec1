"""A client of Janus: its WebSocket interface, and the room of its VideoRoom plugin."""
