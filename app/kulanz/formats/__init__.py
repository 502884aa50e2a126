"""Text forms of mail addresses, ids and counts."""
