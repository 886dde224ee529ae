"""How do stored records leave for other tools? One module per format: records in, one file out, streaming."""
