"""Read-only queries about accounts: documents of the API, stories, figures."""
