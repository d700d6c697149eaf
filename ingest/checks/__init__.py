"""One quality check a file, found by file name.

Comes in: a Batch. Goes out: a flag for each of its rows. Each file exports `CHECK`; it may import devices and
ingest's core modules, never a sibling.
"""
