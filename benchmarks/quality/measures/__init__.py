"""One measure each: the outputs of a checkpoint, compared with the references."""
