"""From a queue to a handler: deliveries, retries, dead letters, the event log. Knows no publisher's reasons."""
