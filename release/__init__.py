"""What makes a release: ``python -m release``, and ``python -m release.client_range``."""
