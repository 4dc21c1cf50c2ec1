"""What is heard of people, and what they hear: turns, mixing, tracks."""
