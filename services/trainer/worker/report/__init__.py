"""What a finished run teaches: did it converge, what held it up, where is it wrong. Knows epochs and diagnostics as
plain values; knows no network, and nothing of stores or brokers.
"""
