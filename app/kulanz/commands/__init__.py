"""Commands, given by people: values, the facts that each one means, and the reasons to refuse it."""
