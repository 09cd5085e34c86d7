"""What a running stack shows to the person who started it. Knows events, logs and addresses; starts nothing."""
