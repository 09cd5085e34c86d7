"""`python -m truscore.bus.asyncapi` writes the AsyncAPI document to the standard output."""

from truscore.bus.asyncapi.document import main

main()
