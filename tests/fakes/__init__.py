"""Stand-ins that implement the real protocols, deterministic and free of torch."""
