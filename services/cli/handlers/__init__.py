"""The contract's messages, in and out. Knows protobuf; decides nothing."""

__all__: list[str] = []
