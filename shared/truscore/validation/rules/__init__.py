"""The rules by family. Know the dataset as read and measured; draw no line themselves."""
