"""Searches for hyper-parameters: orders trials as ordinary runs, ends poor ones early, has the best one exported.

Knows searches, trials and what runs report; trains nothing and reads no object of the store.
"""
