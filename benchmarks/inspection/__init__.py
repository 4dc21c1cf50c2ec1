"""How far off source times are, what inspecting costs, and one run as a picture."""
