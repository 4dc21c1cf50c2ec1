"""Audio of Riva's clients, in both directions."""
