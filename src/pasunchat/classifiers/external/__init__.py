"""Models made elsewhere: each file loads one kind, and all end as a Classifier."""
