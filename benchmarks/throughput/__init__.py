"""The engine against transformers' ``generate``: same audio, weights, dtype and threads, in one process."""
