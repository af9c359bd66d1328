"""Bytes of anybody's that are read here, and what may become of them: answers or refusals."""
