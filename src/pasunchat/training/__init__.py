"""Tuning the decision: recipes, the loop, and the runs it leaves."""
