"""One event rule a file, found by file name.

Comes in: a Batch (also an empty one), the rule's state and the time. Goes out: events. Each file exports
`RULE`; it may import devices and ingest's core modules, never a sibling.
"""
