"""Files of the command ``batch``: what it translates, where results go, and who does the work."""
