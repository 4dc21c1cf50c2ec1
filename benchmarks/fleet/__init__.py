"""A model of many streams before one engine: what a machine carries, and what breaks first."""
