"""One file a device model, found by file name.

Comes in: a Frame's payload bytes. Goes out: Decoded, and bytes again through `encode`. Each file exports
`DEVICE`; it may import devices' core modules, never a sibling.
"""
