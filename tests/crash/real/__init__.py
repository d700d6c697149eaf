"""The crash test over the real broker: the product's own processes, mosquitto and an InfluxDB-protocol store, killed at
random moments while devices speak; see `run` for what is promised and how it is judged.
"""
