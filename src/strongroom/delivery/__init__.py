"""How granted secrets reach the processes that read them: one module a way of delivery."""
