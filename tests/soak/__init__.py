"""A day of a town in a short time: does memory stay flat, do files stay closed, does folding keep up?"""
