"""What the broker is set up with. Knows users, rights and queues; starts nothing."""
