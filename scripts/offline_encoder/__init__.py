"""How the encoder that ships is made and measured."""
