"""Bytes in, readings out, nothing lost.

Comes in: serial lines, MQTT payloads and webhook bodies. Goes out: packs of readings on seam 2 out of a durable
spool, and quarantine rows for what does not decode. Runs at the edge on 512 MB. It may import devices only:
no numpy, no thresholds.
"""
