"""Texts of Riva's clients."""
