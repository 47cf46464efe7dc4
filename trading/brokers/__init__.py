"""Brokers fill orders. One file each."""
