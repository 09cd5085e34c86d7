"""The contract as an AsyncAPI document with JSON Schemas. Knows the table of messages; touches no broker."""
