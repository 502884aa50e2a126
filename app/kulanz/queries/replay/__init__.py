"""The recorded history once more: recomputed as it was, or under another policy. Nothing is written."""
