"""Ours, for few values, few pixels or little in sum: exchange of pieces."""
