"""Envoy: its configuration, its certificates, its process."""
