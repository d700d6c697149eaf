"""Small recorded data that ship with Satomori, one folder a scene.

A scene holds `readings.csv.gz` (long form) and `ORIGIN.md` (origin, licence, excerpt, transformations, known faults).
All scenes share one time line: 60 hours from 2026-01-20T00:00Z, which is 09:00 in Japan. `make_scenes` makes the
readings again from the folder of recorded data; it may import `devices` only.
"""
