"""What can be proved of a classifier: that no change up to a size changes its answer to a photo."""
