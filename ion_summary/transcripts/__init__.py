"""Which sessions does a transcript hold, whatever format it has?"""

from ion_summary.transcripts.reading import read as read
