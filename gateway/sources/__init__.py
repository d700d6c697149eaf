"""One file a kind of wire.

Comes in: bytes of a serial port, an MQTT topic or an HTTP push. Goes out: Frames, stamped with the time of
receipt. It may import devices and the gateway's own types.
"""
