"""Loops over UTF-8 bytes and hashes, compiled by numba; each has a plain-Python oracle in tests.

Imported when first needed: numba costs half a second, and the first use on a machine some seconds
of compiling, of which the results are kept on disk.
"""
