"""The commands about shots."""
