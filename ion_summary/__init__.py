"""Turns piles of chat sessions into a memory that can be searched, in Korean and English."""
