"""Brokers: whoever fills orders. One file each."""
