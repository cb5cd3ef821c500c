"""One page a paper."""
