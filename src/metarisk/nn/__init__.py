"""Blocks of the network, as its formula reads: encode, propagate, pool, answer."""
