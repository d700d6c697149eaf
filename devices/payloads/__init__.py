"""Payload formats that several models of the catalogue share, one file a family: the rules of the bytes stand here, the
tables of what one model sends stand in its catalogue file. Nothing here knows a site, and no module here imports the
catalogue.
"""
