"""What can be said of a text alone: cleaning, tokens, sentences, language."""
