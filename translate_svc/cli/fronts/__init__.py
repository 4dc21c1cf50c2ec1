"""``serve --front-processes``: processes that own transports and sessions, in front of one engine."""
