"""Whether a checkpoint computes what transformers computes, stage by stage."""
