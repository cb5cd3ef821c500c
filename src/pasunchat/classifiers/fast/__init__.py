"""The network `simple` by a compiled kernel instead of torch's layers (the extra `fast`: numba).

dispatch.py is the way in, and the only file here that can be imported without numba. Nothing
outside this folder depends on the kernel. What it is worth, and when it is to be dropped:
docs/decisions/0016-the-kernel-is-an-option.md.
"""
