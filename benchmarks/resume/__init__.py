"""Live calls whose servers are killed or replaced: what they lose, and for how long."""
