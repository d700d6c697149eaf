"""What things are: core types, quantities, the Site, and the formats of the wire.

Comes in: vendor bytes, network envelopes, `site.toml`, messages of seam 2. Goes out: typed values (Frame,
Decoded, Reading, Site) and bytes ready to send. The lowest shelf: it may import no other room, and only
`devices.link` may import paho.
"""
