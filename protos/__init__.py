"""The public contract, and the programs that make and check what is built of it."""
