"""What a stream needs to go on at another server. Pure: no call, no event loop, no thread."""
