"""One way of telling a file, found by file name.

Comes in: one Delivery and its message. Goes out: the message, and what the provider answered. Each file exports
`CHANNEL`; it may import devices and alerts' core modules, never a sibling.
"""
