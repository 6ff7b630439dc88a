"""Les écrans des dispositifs, un module par volet."""
