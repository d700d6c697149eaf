"""Readings in, observations and events out.

Comes in: packs of seam 2, live or replayed. Goes out: `journal.db`, the one record of readings, latest values,
events and quarantine, written in one transaction a batch. It may import devices only; numpy lives here and
nowhere else.
"""
