"""``make fronts``: what front processes cost and bring, beside one process."""
