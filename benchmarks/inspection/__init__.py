"""The error of source times, the cost of inspection, and one run as a picture."""
