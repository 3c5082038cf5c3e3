"""Models behind one protocol: the journal, and the backends that answer.

``backends.open_model(recipe, journal, shard)`` gives a stage its model; ``extractive`` is the
backend without a model.
"""
