"""How mail addresses, ids and numbers of things are written."""
