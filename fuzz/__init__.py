"""A coverage-guided campaign (``make fuzz``) against all that reads what callers send."""
