"""What the store holds of a run: attempts, outcome, stop requests, uploads. Knows keys and objects; decides nothing."""
