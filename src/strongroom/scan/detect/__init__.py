"""What looks at the pieces of a target: rules, the engine that applies them, and the judgement of what they match."""
