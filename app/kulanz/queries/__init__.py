"""What is shown of accounts: documents of the API, stories and questions, all read-only."""
