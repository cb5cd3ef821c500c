"""Bounds: what a network can answer to any picture in a box, by arithmetic alone.

trace.py writes a classifier as steps, each affine or a maximum; intervals.py bounds every value by
itself; maxima.py puts lines under and over a maximum, and backward.py carries a sum of outputs back
through them to the pixels; patches.py does that for many values of a convolution at once. slopes.py
chooses lines for one sum, contradiction.py supposes that it is not above 0.
"""
