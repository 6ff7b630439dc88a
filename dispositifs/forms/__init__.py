"""Les formulaires des dispositifs, un module par volet."""
