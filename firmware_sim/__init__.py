"""Stands in for the hardware.

Comes in: recorded rows, scenes and faults to plant. Goes out: frames on real transports (pseudo-terminals, MQTT
clients), and recordings of live ones. It speaks to the rest over the wire only and may import devices only.
"""
