"""One file a group of routes.

Comes in: HTTP requests. Goes out: the shapes of `api.schemas`. It may import api's core modules and what api
may import.
"""
