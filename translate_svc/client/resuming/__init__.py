"""What a stream needs to continue at another server. Pure: no call, no event loop, no thread."""
