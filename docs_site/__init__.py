"""The documentation as a site (``make docs``): pages of the repository, and references made from the code."""
