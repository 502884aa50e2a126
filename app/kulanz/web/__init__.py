"""HTTP: webhooks through a door of their own, everything else through Flask. `application` puts it together."""
