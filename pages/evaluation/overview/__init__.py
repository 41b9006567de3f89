"""How often hits are right: in a sentence, per class against a target, over k, as a table."""
