"""How long after the end of speech an answer begins, with many live streams at once."""
