"""Encryption and signing: the vault of keys, and the installation's signature."""
