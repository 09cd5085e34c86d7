"""The only place of the studio where images and annotation files are opened: a process of its own, within bounds."""
