"""Serial protocols that several models share: framing, checksums, dialogues and stand-ins, without a port."""
