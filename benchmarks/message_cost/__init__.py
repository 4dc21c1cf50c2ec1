"""Where the processor time of one message goes: by thread, and by layer on the event loop's thread."""
