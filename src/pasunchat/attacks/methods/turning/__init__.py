"""Ours, for the least L2 change and the fewest levels: a direction that turns."""
