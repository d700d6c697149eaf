"""Shows, and takes orders.

Comes in: HTTP requests, the journal and the alert store. Goes out: JSON, the live stream, web pages and open
data. It may import alerts, ingest and devices; fastapi lives here and nowhere else.
"""
