"""Where do summaries and transcripts stay for good, and how are they found again?"""
