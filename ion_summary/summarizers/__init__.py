"""What was a session about, in a few lines?"""
