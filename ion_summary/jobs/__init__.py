"""The durable queue of LLM work, what it has answered, and what it has cost."""
