"""Time of each stage against what the machine allows."""
