"""Models behind one protocol: the journal, and the backends that answer.

``journaled(recipe, …)`` gives a stage its model; ``extractive`` is the backend without a model.
"""
