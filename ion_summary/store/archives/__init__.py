"""How does a store become one archive, and an archive a store again? Nothing outside knows its bytes."""
