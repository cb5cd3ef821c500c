"""From numbers to a decision: classifiers, their networks and their files."""
