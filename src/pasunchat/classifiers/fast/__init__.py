"""The network `simple` run directly, photo by photo, by a kernel in numba (the extra `fast`).

dispatch.py is the way in, and the only file here that is imported without numba.
"""
