"""The engine on an accelerator at the published size: one command, no network, no trained weights."""
