"""One store of observations a file, found by file name.

Comes in: committed batches. Goes out: the same rows, readable; writing a batch twice changes nothing. Each file
exports `STORE`; it may import devices and ingest's core modules.
"""
