"""The circuit tree: primitives, named blocks, counting, lowering, storage and the dense reference."""
