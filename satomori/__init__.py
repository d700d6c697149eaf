"""The front door: the `satomori` command, the demo and the supervisor.

Comes in: a command line and a site file. Goes out: running services, wired together. It decides nothing about
data and may import every other room.
"""
