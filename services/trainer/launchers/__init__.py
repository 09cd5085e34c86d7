"""Where an attempt's training processes run, behind one port. Knows processes; knows no events and decides nothing."""
