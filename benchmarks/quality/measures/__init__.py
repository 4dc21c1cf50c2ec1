"""One measure each: what a checkpoint gives, compared with what is right."""
