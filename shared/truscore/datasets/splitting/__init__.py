"""Which images are trained on, chosen by and tested by, and what stays together. Knows the index; opens no file."""
