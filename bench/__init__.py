"""What the speed goals are measured with: each figure beside its reference, both in the same session, in turns."""
