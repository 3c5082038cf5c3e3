"""Models behind one protocol: the journal, and the backends that answer.

``attempt.attempt`` opens all that a stage and shard need; ``backends.open_model`` only the model.
Backends: ``server``, ``vllm_server``, ``batch``, and ``extractive``, which needs no model.
"""
