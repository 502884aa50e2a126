"""What the product does, as sentences that are run on real parts."""
