"""Turns pretraining documents into verifiable question-answer pairs for reinforcement learning."""
