"""A deterministic simulation of the whole protocol: thousands of seeded schedules of crashes, losses and restores, fast
enough for every test run. `world` says what is the real code and what is a model of it; `faults` are the mistakes that
the simulation must find.
"""
