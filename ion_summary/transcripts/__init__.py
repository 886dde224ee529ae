"""Which sessions does a transcript hold, whatever format it has?"""
