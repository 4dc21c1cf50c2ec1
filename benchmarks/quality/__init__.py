"""Translation quality of a checkpoint, measured through the service's own pipeline (``make quality``)."""
