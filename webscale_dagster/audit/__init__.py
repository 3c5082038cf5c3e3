"""The human audit: a sample of pairs for people to judge, and what their judgements say.

Reads the lake's tables and writes the objects ``audits/<name>/…`` of the lake.
"""
