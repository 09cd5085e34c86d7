"""Orders through the whole system while its parts are killed at random: what must hold at the end."""
