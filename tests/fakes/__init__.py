"""Deterministic fakes that implement the real protocols."""
