"""Events in, people told, proof kept.

Comes in: events and silence, read from the journal. Goes out: messages to people through channels, and the
ledger of deliveries in `alerts.db`. It may import devices and the journal's readers in ingest.
"""
