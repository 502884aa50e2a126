"""What is kept and what is destroyed: retention, erasure, keys, and whether the ledger is whole."""
