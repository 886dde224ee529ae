"""The durable queue of LLM work, and what it has cost."""
