"""What can be done: one verb, one file. Values come in, values go out."""
