"""Child processes: started, bounded, ended with their parent, the end of their output kept. Knows not what they do."""
