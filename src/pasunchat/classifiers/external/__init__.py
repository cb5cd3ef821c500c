"""Classifiers made elsewhere: each file is a door for one kind, and all end as a Classifier."""
