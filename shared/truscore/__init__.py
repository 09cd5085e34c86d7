"""One library for all services, a room per role."""
