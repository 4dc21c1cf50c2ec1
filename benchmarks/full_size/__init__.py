"""The published size on an ordinary computer: memory, start, speed and a live stream, without its weights."""
