"""One file a network, found by file name.

Comes in: the envelope a network server wraps around a payload. Goes out: a Frame. Each file exports `UPLINK`; it
may import devices' core modules, never a sibling.
"""
