"""
Frozen values that steps pass between stores. A module a subject: to make a class takes 0.5 ms of
every start.
"""
