"""The rule by which a checkpoint tells which language is spoken: its file, and how it is learnt."""
