"""Documents that conversations stand on: read in a limited process, split, indexed, found again, cited.

Imports nothing: the process that reads files starts from here and must stay small.
"""
